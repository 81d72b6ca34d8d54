"""Airflow's command line with less frequent garbage collection, run as ``python -m`` with Airflow's own arguments.

A start imports a thousand modules and builds eight hundred routes, which makes almost no garbage. Yet collecting every
700 allocations takes a quarter of the start-up time of each of Airflow's processes.
"""

from __future__ import annotations

import gc

gc.set_threshold(100_000)

from airflow.__main__ import main  # noqa: E402 - after the threshold is set

if __name__ == "__main__":
    main()  # type: ignore[no-untyped-call]
