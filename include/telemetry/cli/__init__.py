"""The command line, ``telemetry``: one module for each group of commands.

Commands only read arguments and print results. What they do is in the package of their subject.
"""

from telemetry.cli.main import main

__all__ = ["main"]
