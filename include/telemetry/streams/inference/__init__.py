"""A first draft of a stream's file, guessed from messages: one file a question, each with what it is unsure of.

Not here: how messages are recorded and checked, which is ``telemetry.streams``.
"""
