"""Not a DAG: an import error for each faulty stream file, which Airflow shows. The other streams' DAGs keep running."""

from __future__ import annotations

from telemetry.contracts.loader import load_streams

load_streams()
