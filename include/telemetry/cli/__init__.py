"""The command line, ``telemetry``: one file a group of commands."""

from telemetry.cli.main import main

__all__ = ["main"]
