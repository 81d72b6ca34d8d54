"""The emulator's resources, made from the files that Terraform reads too, one file a kind of resource.

Not here: the emulator itself, and anything on AWS, which Terraform builds.
"""
