"""What runs inside Airflow: the parts that the files in ``dags/`` wire together.

Not here: what needs no Airflow, which is ``telemetry``.
"""
