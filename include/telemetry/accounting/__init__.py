"""The conservation law: published = loaded + duplicate + quarantined + in flight, now and for a past day.

Not here: quality checks and the closing of a day (``telemetry.closing``), which calls this package.
"""
