"""Build what is deployed on AWS: function zips, their layer and MWAA's files, reproducible byte for byte.

Not here: what is in a function (``include/functions``), and how it is deployed on AWS (``terraform/``).
"""
