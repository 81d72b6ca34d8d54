"""One load, step by step: from the request to the manifest, the Parquet files and the rows.

Not here: the contract's rules (``telemetry.contracts``), and the ledger's SQL (``telemetry.warehouse``).
"""
