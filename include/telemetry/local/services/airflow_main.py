"""Airflow's command line with a lazier garbage collector, run as ``python -m`` with Airflow's own arguments.

While a thousand modules are imported and eight hundred routes are built nearly nothing becomes garbage, yet looking for
it every 700 allocations takes a quarter of the start-up time of each of Airflow's processes.
"""

from __future__ import annotations

import gc

gc.set_threshold(100_000)

from airflow.__main__ import main  # noqa: E402 - only now

if __name__ == "__main__":
    main()  # type: ignore[no-untyped-call]
