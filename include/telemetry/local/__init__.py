"""The whole system on one machine. Nothing that runs on AWS imports it.

``stack`` starts, stops and provisions; ``doctor`` says what is wrong with the machine.
"""
