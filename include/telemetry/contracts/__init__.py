"""A stream's file, and how one decoded payload becomes a reading or a reject under it.

Not here: how payloads are found in objects (``telemetry.lake``), and tables (``telemetry.warehouse``).
"""
