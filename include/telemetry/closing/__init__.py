"""Closing a day: its rollup is computed, its quality checked, its messages reconciled, all of it recorded.

Not here: how messages are counted (``telemetry.accounting``), and the SQL of the rollup (``telemetry.warehouse``).
"""
