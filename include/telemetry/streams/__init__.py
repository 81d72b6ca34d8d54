"""Help with writing a stream's file: recordings, checks, first drafts; and what editors and data catalogs read of it.

Not here: what a stream's file means (``telemetry.contracts``), and how payloads are read (``telemetry.lake``).
"""
