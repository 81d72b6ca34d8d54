"""What the local stack needs of the machine: its state folder, ports and processes.

Not here: what the processes are (``telemetry.local.services``).
"""
