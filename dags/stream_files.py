"""No DAG: an import error where a stream's file is faulty, so that Airflow shows it. The other streams' DAGs run on."""

from __future__ import annotations

from telemetry.contracts.loader import load_streams

load_streams()
