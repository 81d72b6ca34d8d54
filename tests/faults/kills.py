"""SIGKILL of a part of a stack, chosen by its kind."""

from __future__ import annotations

import random
from contextlib import suppress

import psutil

from stack import Stack

SERVICES = (
    "emulator",
    "postgres",
    "airflow-scheduler",
    "airflow-triggerer",
    "airflow-dag-processor",
    "airflow-api-server",
)
WORKER, TASK = "Lambda worker", "task process"
KINDS = (*SERVICES, WORKER, TASK)


def kill(stack: Stack, kind: str, chance: random.Random) -> bool:
    """Whether there was such a process, which is gone now."""
    victims = _victims(stack, kind, chance)
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    psutil.wait_procs(victims, timeout=60)
    return bool(victims)


def _victims(stack: Stack, kind: str, chance: random.Random) -> list[psutil.Process]:
    pids = stack.pids()
    if kind == WORKER:
        return _one(chance, psutil.Process(pids["emulator"]).children(recursive=True))
    if kind == TASK:  # the executor's processes are children, the tasks' are theirs
        scheduler = psutil.Process(pids["airflow-scheduler"])
        return _one(chance, [task for child in scheduler.children() for task in child.children(recursive=True)])
    service = psutil.Process(pids[kind])
    # PostgreSQL's own children go with it, as when a machine goes down.
    return [service, *(service.children(recursive=True) if kind == "postgres" else [])]


def _one(chance: random.Random, processes: list[psutil.Process]) -> list[psutil.Process]:
    return [chance.choice(processes)] if processes else []
