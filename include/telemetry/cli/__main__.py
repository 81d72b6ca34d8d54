"""``python -m telemetry.cli`` is ``telemetry``."""

from telemetry.cli.main import main

main()
