"""What a deployment is told: ``settings.yaml``, the names of AWS resources, and the process's environment.

Not here: contracts, which are ``telemetry.contracts``.
"""
