"""What must hold after every step, and what must be there in the end: the promises, as seen from outside."""

from __future__ import annotations

import json
from collections import Counter
from typing import NamedTuple

import etl
from faults.cases import Case
from faults.harness.messages import Message, Values
from faults.harness.world import World
from telemetry.interval import Lane


class Figures(NamedTuple):
    """How many messages are unaccounted, how many readings are stored twice, and what was seen in words."""

    unaccounted: int
    twice: int
    words: str


def holds(world: World) -> None:
    """Conservation in the ledger, no reading twice, every value exact, nothing raw changed, no message lost so far."""
    _ledger_adds_up(world)
    _table(world)
    _quarantine(world)
    _raw_objects_are_unchanged(world)
    for name, lane in world.account().lanes.items():
        # A surplus is no loss: a message in an object that is still in the queue, too, is counted in both places.
        assert lane.unaccounted == 0, f"{lane.unaccounted} messages of the {name} lane are lost"


def settled(world: World) -> Figures:
    """All that, and nothing is left to do: every valid reading is there once, every other byte in quarantine.

    Call it after ``World.settle``.
    """
    holds(world)
    missing = _expected(world) - _stored(world)
    assert not missing, f"readings are missing: {list(missing)[:3]}"
    wanted, found = _rejects(world), _quarantined(world)
    assert found == wanted, f"quarantine lacks {wanted - found}, and has too much {found - wanted}"
    assert world.rows("SELECT load_id FROM loads WHERE status = 'running'") == []
    account = world.account()
    lake, queue = (account.lanes[lane] for lane in (Lane.lake, Lane.queue))
    assert (lake.in_flight, queue.in_flight) == (0, 0)
    assert lake.accounted == len(world.published) + len(world.recorded)
    assert queue.accounted == len(world.published)
    assert account.readings == lake.loaded + queue.loaded
    twice = _twice(world)
    lanes = {"lake": lake, "queue": queue}
    words = "; ".join(
        f"{name} {lane.accounted} of {lane.published} messages, {lane.loaded} loaded, {lane.duplicate} duplicate, "
        f"{lane.quarantined} quarantined"
        for name, lane in lanes.items()
        if lane.published
    )
    return Figures(abs(lake.difference) + abs(queue.difference), twice, words)


def saw(world: World, case: Case, what: str) -> None:
    """Record what was seen of a case, with the figures of a world that has settled."""
    figures = settled(world)
    case.saw(f"{what}: {figures.words}", unaccounted=figures.unaccounted, twice=figures.twice)


def _ledger_adds_up(world: World) -> None:
    """Every load's sums are those of its objects, every object's those of its rows, and CHECKs hold them so."""
    sums = "objects, bytes, rows_read, loaded, duplicate, quarantined"
    wrong = world.rows(
        f"""SELECT load_id, {sums} FROM loads EXCEPT
        SELECT loads.load_id, count(o.key), coalesce(sum(o.bytes), 0), coalesce(sum(o.rows_read), 0),
            coalesce(sum(o.loaded), 0), coalesce(sum(o.duplicate), 0), coalesce(sum(o.quarantined), 0)
        FROM loads LEFT JOIN load_objects AS o USING (load_id) GROUP BY loads.load_id"""
    )
    assert wrong == [], f"loads differ from their objects: {wrong}"
    objects = world.rows(
        """SELECT o.key, o.rows_read, o.loaded, o.duplicate, o.quarantined,
            (SELECT count(*) FROM quarantine AS q WHERE (q.bucket, q.key) = (o.bucket, o.key)) FROM load_objects AS o"""
    )
    for key, rows_read, loaded, duplicate, quarantined, kept in objects:
        assert rows_read == loaded + duplicate + quarantined, f"{key} does not add up"
        assert kept == quarantined, f"{key}: {quarantined} rows quarantined by the ledger, {kept} are there"
    checks = {name for (name,) in world.rows("SELECT conname FROM pg_constraint WHERE contype = 'c'")}
    assert {"load_conserves_rows", "object_conserves_rows"} <= checks
    ((stored, counted),) = world.rows(
        "SELECT (SELECT count(*) FROM telemetry_readings), (SELECT coalesce(sum(loaded), 0) FROM load_objects)"
    )
    assert stored == counted, f"{stored} readings are stored, {counted} were counted as loaded"


def _stored(world: World) -> Counter[Values]:
    found = world.rows("SELECT device_id, event_time, temperature, humidity, extra FROM telemetry_readings")
    return Counter((*row[:4], json.dumps(row[4], sort_keys=True) if row[4] else None) for row in found)


def _expected(world: World) -> Counter[Values]:
    return Counter({values for message in _sent(world) for values in message.readings})


def _sent(world: World) -> list[Message]:
    return world.published + world.recorded


def _table(world: World) -> None:
    """Nothing is in the table that was not sent, to the last digit, and nothing is there twice."""
    extra = _stored(world) - _expected(world)
    assert not extra, f"readings twice, or never sent: {list(extra.items())[:3]}"


def _twice(world: World) -> int:
    return sum(number - 1 for number in _stored(world).values())


def _quarantined(world: World) -> Counter[bytes]:
    return Counter(bytes(raw) for (raw,) in world.rows("SELECT raw FROM quarantine"))


def _rejects(world: World) -> Counter[bytes]:
    """A published message goes down both lanes; a recorded one is in the lake only."""
    both = Counter(raw for message in world.published for raw in message.rejects)
    return both + both + Counter(raw for message in world.recorded for raw in message.rejects)


def _quarantine(world: World) -> None:
    extra = _quarantined(world) - _rejects(world)
    assert not extra, f"quarantined twice, or never sent: {extra}"


def _raw_objects_are_unchanged(world: World) -> None:
    """Each key of the raw bucket has had one version only, and none was deleted."""
    listed = etl.s3().list_object_versions(Bucket=etl.raw_bucket())
    versions = Counter(entry["Key"] for entry in listed.get("Versions", []))
    assert not listed.get("DeleteMarkers"), "raw objects were deleted"
    assert not listed["IsTruncated"]
    again = [key for key, number in versions.items() if number > 1]
    assert not again, f"raw objects were written twice: {again}"
    for entry in listed.get("Versions", []):
        assert world.etags.setdefault(entry["Key"], entry["ETag"]) == entry["ETag"], f"{entry['Key']} changed"
    assert world.etags.keys() == versions.keys(), "raw objects are gone"
