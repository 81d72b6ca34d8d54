"""Changes of a stream's file that are refused, because a column or a reading's id would have two meanings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from telemetry.contracts.fields import Factor, FieldType
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Device, PayloadPath
from telemetry.yaml_documents import StrictModel

TWICE = "what comes again would be stored twice"


class TimeMeaning(StrictModel):
    """Where the event time of the readings is from, and the zone of times without an offset."""

    path: str = ""
    timezone: str | None = None


class FieldMeaning(StrictModel):
    """What the values of a column are."""

    type: FieldType
    unit: str = ""
    scale: Factor | None = None
    offset: Factor | None = None


class Meaning(StrictModel):
    """What the readings of a stream mean: the part of its contract that may not change once there are readings.

    ``fields`` has removed fields too, since their columns stay.
    """

    device: Device
    event_time: TimeMeaning
    message_id: PayloadPath | None = None
    fields: dict[str, FieldMeaning]

    @classmethod
    def of(cls, stream: Stream) -> Self:
        """What readings mean under a contract."""
        return cls.of_document(stream.model_dump())

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Self:
        """As ``of``, from what was once stored; whatever else a contract says is passed over."""
        return cls.model_validate(document, extra="ignore")

    def then(self, stream: Stream) -> Self:
        """What the readings mean after a change to a contract of which nothing is refused."""
        after = self.of(stream)
        return after.model_copy(update={"fields": {**self.fields, **after.fields}})


def refused_changes(before: Meaning, after: Stream) -> Iterator[tuple[str, str]]:
    """The fields of the file whose change is refused once there are readings, each with the reason."""
    if before.device != after.device:
        yield "device", f"the readings so far have the device from another place; {TWICE}"
    if before.event_time.path != after.event_time.path:
        yield "event_time", f"the readings so far have another time; {TWICE}"
    if before.event_time.timezone not in (None, after.event_time.timezone):
        yield "event_time.timezone", f"the readings so far are in another zone; {TWICE}"
    if before.message_id != after.message_id:
        yield "message_id", f"the readings so far have other ids; {TWICE}"
    for name, field in Meaning.of(after).fields.items():
        if name in before.fields:
            yield from _refused(f"fields.{name}", before.fields[name], field)


def _refused(path: str, before: FieldMeaning, after: FieldMeaning) -> Iterator[tuple[str, str]]:
    if before.type != after.type:
        yield f"{path}.type", f"it was {before.type}, and is {after.type}: a column has one type"
    for option, none in (("unit", ""), ("scale", None), ("offset", None)):
        old, new = getattr(before, option), getattr(after, option)
        if old != new and not (option == "unit" and old == none):
            yield f"{path}.{option}", f"it was {old or 'none'}, and is {new or 'none'}: the column would mix units"
