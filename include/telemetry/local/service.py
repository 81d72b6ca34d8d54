"""What the local stack expects of each of its services."""

from __future__ import annotations

from typing import Protocol


class Service(Protocol):
    """One service of the local stack, of one process or several."""

    @property
    def name(self) -> str:
        """The service's name, for people and for the state folder."""

    def start(self) -> None:
        """Return when the service is healthy; harmless where it runs already.

        Raises:
            TelemetryError: it did not start; names the reason and the last lines of its log.
        """

    def stop(self) -> None:
        """Return when nothing of the service runs; harmless where nothing did."""

    def health(self) -> dict[str, str | None]:
        """By process: ``None`` where it is healthy, else what is wrong, in a few words."""
