"""PostgreSQL: the tables of readings, the ledger, the quarantine, and all SQL on them.

Not here: how objects become rows (``telemetry.etl``), and what a day came to (``telemetry.accounting``).
"""
