"""The processes of the local stack: PostgreSQL, the AWS emulator and Airflow, each started, stopped and checked.

Not here: what the emulator does (``telemetry.local.emulator``), and what is provisioned in it.
"""
