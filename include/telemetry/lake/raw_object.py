"""A reference to a raw object, as the manifest and the state machine carry it from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from telemetry.interval import Lane
from telemetry.lake.layout import KeyParts, parse_key


@dataclass(frozen=True)
class RawObject:
    """An object of the raw bucket, in the version that was listed.

    ``rows`` is how many rows TransformData read from it. ``error`` says why it could not be transformed, where it could
    not and no retry would help.
    """

    bucket: str
    key: str
    etag: str
    bytes: int
    lane: Lane
    rows: int | None = None
    error: str | None = None

    @property
    def hour(self) -> datetime:
        """Its partition: the hour of arrival.

        Raises:
            ValueError: the key is in no hour partition.
        """
        return self._key_parts.hour

    def derived_key(self, folder: str) -> str:
        """Where what is made of the object goes: below ``folder``, in the object's partition, under its name.

        No two raw objects of a stream and a lane share it: the name is all of the key that follows the partition.
        """
        parts = self._key_parts
        return f"{folder}/{parts.stream}/lane={self.lane}/{parts.partition}/{parts.name}.parquet"

    @cached_property
    def _key_parts(self) -> KeyParts:
        return parse_key(self.key)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From JSON."""
        return cls(**{**document, "lane": Lane(document["lane"])})

    def document(self) -> dict[str, Any]:
        """As JSON has it; what is not known is left out."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {**given, "lane": self.lane.value}
