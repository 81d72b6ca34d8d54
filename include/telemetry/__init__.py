"""The telemetry pipeline: everything that functions, DAGs, plugins and the command line share.

Airflow is not imported here; what needs it is in ``telemetry_airflow``.
"""
