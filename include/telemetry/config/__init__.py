"""A deployment's configuration: ``settings.yaml``, the names of AWS resources, and environment variables.

Not here: contracts (``telemetry.contracts``).
"""
