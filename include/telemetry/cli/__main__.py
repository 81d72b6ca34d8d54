"""``python -m telemetry.cli`` runs ``telemetry``."""

from telemetry.cli.main import main

main()
