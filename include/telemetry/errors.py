"""The one exception that is meant for people."""

from __future__ import annotations


class TelemetryError(Exception):
    """Something a person can put right.

    ``message`` names what is wrong and where (file, line, field); ``hint`` says what to do next. The command line
    prints both and exits with code 1; inside Airflow and Lambda the text of the exception carries both.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint
