"""The machine's resources: the state folder, ports and processes.

Not here: the services that run in the processes (``telemetry.local.services``).
"""
