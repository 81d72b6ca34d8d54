"""Create the emulator's resources from the files that Terraform reads, too; one module for each kind of resource.

Not here: the emulator itself, and anything on AWS, which Terraform builds.
"""
