"""What a deployment costs a month: AWS's rates, and a model of what is used of them.

Not here: what a deployment is made of, which Terraform says.
"""
