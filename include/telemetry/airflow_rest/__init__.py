"""Airflow from the outside: runs and backfills by its REST API, and when daily runs are due.

Not here: what runs inside Airflow, which is ``telemetry_airflow``.
"""
