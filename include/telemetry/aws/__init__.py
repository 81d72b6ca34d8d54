"""The AWS services that are called: clients, queues, metrics, and executions of the state machine.

Not here: S3 objects (``telemetry.lake``), and what the local stack provisions (``telemetry.local.provision``).
"""
