"""The whole system on one machine. Nothing that runs on AWS imports it.

``stack`` starts, stops and provisions it; ``doctor`` checks the machine.
"""
