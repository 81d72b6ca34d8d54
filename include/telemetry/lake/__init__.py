"""The objects of the lake: their keys, their lines, the envelopes and payloads in them.

Not here: calls of other AWS services (``telemetry.aws``), and which objects a load takes (``telemetry.etl``).
"""
