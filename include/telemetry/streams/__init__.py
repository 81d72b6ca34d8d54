"""Writing a stream's file with messages at hand: recordings, what a stream makes of them, and a first draft.

Not here: what a stream's file means (``telemetry.contracts``), and how payloads are read (``telemetry.lake``).
"""
