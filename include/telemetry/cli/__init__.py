"""The command line, ``telemetry``: one file a group of commands, which only read arguments and print.

Not here: what a command does, which is in the package of its subject.
"""

from telemetry.cli.main import main

__all__ = ["main"]
