"""The journal alone: wherever a kill cuts it, whole events are there, from the first on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.local.emulator.journal import Journal, Position

Event = list[tuple[str, Any]]
EVENTS = st.lists(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text() | st.integers()), min_size=1), max_size=8)


class Kept:
    """Two services, each with its own kind of entries, and what a start replays for them."""

    def __init__(self, folder: Path, positions: dict[str, Position] | None = None) -> None:
        self.entries: Event = []
        self.journal = Journal()
        for kind in ("a", "b"):
            self.journal.register(kind, f"service {kind}", lambda value, kind=kind: self.entries.append((kind, value)))
        self.journal.open(folder, positions or {})

    def happen(self, event: Event) -> None:
        with self.journal:
            for kind, value in event:
                self.journal.add(kind, value)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal")


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


@settings(deadline=None)
@given(events=EVENTS, data=st.data())
def test_a_truncated_journal_keeps_whole_events(scratch: Path, events: list[Event], data: st.DataObject) -> None:
    folder = fresh(scratch / "cut")
    kept = Kept(folder)
    for event in events:
        kept.happen(event)
    (file,) = folder.glob("*.journal")
    whole = file.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    file.write_bytes(whole[:cut])
    replayed = Kept(folder).entries
    survivors = whole[:cut].count(b"\n")
    assert replayed == [entry for event in events[:survivors] for entry in event]


@settings(deadline=None)
@given(events=EVENTS, data=st.data())
def test_each_service_replays_the_events_its_state_lacks(
    scratch: Path, events: list[Event], data: st.DataObject
) -> None:
    folder = fresh(scratch / "positions")
    kept = Kept(folder)
    saved_at = {kind: data.draw(st.integers(0, len(events))) for kind in ("a", "b")}
    rotated_at = data.draw(st.integers(0, len(events)))
    positions: dict[str, Position] = {}
    for number, event in enumerate([*events, []]):
        if number == rotated_at:
            kept.journal.rotate()
        positions |= {f"service {kind}": kept.journal.position() for kind in saved_at if saved_at[kind] == number}
        kept.happen(event)
    expected = [
        (kind, value) for number, event in enumerate(events) for kind, value in event if number >= saved_at[kind]
    ]
    assert Kept(folder, positions).entries == expected


def test_events_appended_after_a_truncation_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.happen([("a", 1)])
    (first,) = tmp_path.glob("*.journal")
    with first.open("ab") as torn:
        torn.write(b"0123 half an ev")
    again = Kept(tmp_path)
    again.happen([("b", 2)])
    assert Kept(tmp_path).entries == [("a", 1), ("b", 2)]


def test_a_corrupt_event_ends_the_replay(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for value in (1, 2, 3):
        kept.happen([("a", value)])
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes().replace(b'["a",2]', b'["a",7]'))
    assert Kept(tmp_path).entries == [("a", 1)]
