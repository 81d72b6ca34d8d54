"""The conservation law: published = loaded + duplicate + quarantined + in flight, now and for a past day.

``conservation`` has the law itself. ``scope`` says which messages it is about, ``unloaded_objects`` and ``queue_lane``
find those in flight, ``status`` applies it to now and ``reconciliation`` to a past day.

Not here: quality checks and the closing of a day (``telemetry.closing``), which calls this package, and the SQL
(``telemetry.warehouse``).
"""
