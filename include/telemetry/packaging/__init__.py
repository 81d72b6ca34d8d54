"""What AWS takes: the zips of functions, their layer, what MWAA needs. Byte for byte reproducible.

Not here: what is in a function (``include/functions``), and how it is deployed on AWS (``terraform/``).
"""
