"""Estimate what a deployment costs a month, from AWS's rates and a model of its usage.

Not here: what a deployment consists of (``terraform/``).
"""
