"""Changes of a stream's file that are refused, because a column or a reading's id would have two meanings."""

from __future__ import annotations

from collections.abc import Iterator

from telemetry.contracts.model import ContractField, Stream


def refused_changes(before: Stream, after: Stream) -> Iterator[tuple[str, str]]:
    """The fields of the file whose change is refused once there are readings, each with the reason."""
    if before.device != after.device:
        yield "device", "the readings so far have the device from another place; what comes again would be stored twice"
    if before.event_time.path != after.event_time.path:
        yield "event_time", "the readings so far have another time; what comes again would be stored twice"
    if before.event_time.timezone not in (None, after.event_time.timezone):
        yield "event_time.timezone", "the readings so far are in another zone; what comes again would be stored twice"
    if before.message_id and after.message_id and before.message_id != after.message_id:
        yield "message_id.path", "the readings so far have other ids; what comes again would be stored twice"
    for name in before.fields.keys() & after.fields.keys():
        yield from _refused(f"fields.{name}", before.fields[name], after.fields[name])


def _refused(path: str, before: ContractField, after: ContractField) -> Iterator[tuple[str, str]]:
    for option, none in (("unit", ""), ("scale", None), ("offset", None)):
        old, new = getattr(before, option), getattr(after, option)
        if old != new and not (option == "unit" and old == none):
            yield f"{path}.{option}", f"it was {old or 'none'}, and is {new or 'none'}: the column would mix units"
