"""Close abandoned loads, whose executions are over or never began."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from telemetry.aws.executions import ExecutionStatus, open_reason
from telemetry.warehouse.connection import Connection, transaction
from telemetry.warehouse.ledger import Load, close_load, find_load


def close_abandoned(
    connection: Connection, look: Callable[[Load], ExecutionStatus | None], began_before: datetime
) -> list[Load]:
    """Close as failed every load that began before then and is open although its execution is not under way.

    ``look`` tells how a load's execution stands, None where none was ever started; the load's error says so. A load
    that is closed meanwhile stays as it is; and should its execution start after all, it closes the load again at its
    end. Returns the loads that were closed. Run again, or twice at once, it closes nothing more.
    """
    closed = []
    for load_id in _running(connection, began_before):
        load = find_load(connection, load_id)
        why = open_reason(load.execution_name, look(load)) if load.status == "running" else None
        if why is not None:
            load = close_load(connection, load_id, status="failed", error=why, only_running=True)
            if load.error == why:
                closed.append(load)
    return closed


def _running(connection: Connection, began_before: datetime) -> list[int]:
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT load_id FROM loads WHERE status = 'running' AND started_at < %s ORDER BY load_id", (began_before,)
        )
        return [load_id for (load_id,) in cursor]
