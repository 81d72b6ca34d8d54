"""The database follows the contracts: columns are added, and never changed behind anybody's back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl import at_once, rows
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import ContractField, Stream
from telemetry.contracts.parts import Device, PayloadPath
from telemetry.errors import TelemetryError
from telemetry.local.services.postgres import Login
from telemetry.paths import MIGRATIONS
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate


def door(**fields: str) -> dict[str, Stream]:
    """A stream with fields of these types."""
    document: dict[str, Any] = {
        "stream": "door",
        "topic": "devices/+/door",
        "device": {"path": "device_id"},
        "event_time": {"path": "ts", "format": "epoch_seconds"},
        "fields": {name: {"type": type_} for name, type_ in fields.items()},
    }
    return {"door": Stream.model_validate(document)}


def columns(connection: Connection) -> dict[str, tuple[str, str]]:
    query = """SELECT column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_name = 'door_readings' ORDER BY ordinal_position"""
    return {name: (type_, nullable) for name, type_, nullable in rows(connection, query)}


def test_a_table_is_made_for_every_stream(empty_database: Connection) -> None:
    done = migrate(empty_database, door(open="boolean", count="integer", level="double", note="string"))
    migrations = [f"migration {path.name}" for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert done == [*migrations, "table door_readings", "table door_rollup"]
    assert columns(empty_database) == {
        "device_id": ("text", "NO"),
        "event_time": ("timestamp with time zone", "NO"),
        "reading_id": ("uuid", "NO"),
        "open": ("boolean", "YES"),
        "count": ("bigint", "YES"),
        "level": ("double precision", "YES"),
        "note": ("text", "YES"),
        "extra": ("jsonb", "YES"),
        "load_id": ("bigint", "NO"),
    }


def test_a_second_migration_changes_nothing(empty_database: Connection) -> None:
    migrate(empty_database, door(open="boolean"))
    assert migrate(empty_database, door(open="boolean")) == []


def test_a_new_field_is_a_new_nullable_column_and_keeps_the_rows(empty_database: Connection) -> None:
    migrate(empty_database, door(open="boolean"))
    with empty_database, empty_database.cursor() as cursor:
        cursor.execute("INSERT INTO door_readings VALUES ('d', now(), gen_random_uuid(), true, NULL, 1)")
    done = migrate(empty_database, door(open="boolean", order="double"))
    assert done[0] == "column door_readings.order"
    assert all(line.startswith("column door_rollup.order_") for line in done[1:])
    assert rows(empty_database, 'SELECT device_id, open, "order" FROM door_readings') == [("d", True, None)]


def test_a_removed_field_keeps_its_column(empty_database: Connection) -> None:
    migrate(empty_database, door(open="boolean", level="double"))
    assert migrate(empty_database, door(open="boolean")) == []
    assert "level" in columns(empty_database)


def test_a_changed_type_is_refused_and_nothing_changes(empty_database: Connection) -> None:
    migrate(empty_database, door(level="double"))
    with pytest.raises(TelemetryError, match="Stream door: field level is text in the contract, but double precision"):
        migrate(empty_database, door(new="string", level="string"))
    assert "new" not in columns(empty_database)


@pytest.mark.parametrize("had", [True, False])
def test_the_source_of_reading_ids_cannot_change_while_there_are_readings(
    empty_database: Connection, had: bool
) -> None:
    plain = door(open="boolean")
    with_id = {"door": plain["door"].model_copy(update={"message_id": PayloadPath(path="id")})}
    before, after = (with_id, plain) if had else (plain, with_id)
    migrate(empty_database, after)
    migrate(empty_database, before)
    with empty_database, empty_database.cursor() as cursor:
        cursor.execute("INSERT INTO door_readings VALUES ('d', now(), gen_random_uuid(), true, NULL, 1)")
    with pytest.raises(
        TelemetryError, match=f"message_id was {'removed' if had else 'added'}, but door_readings has readings"
    ):
        migrate(empty_database, after)
    assert migrate(empty_database, before) == []


def test_a_removed_field_does_not_come_back_with_another_unit(empty_database: Connection) -> None:
    def gate(**units: str) -> dict[str, Stream]:
        fields = {name: ContractField.model_validate({"type": "double", "unit": unit}) for name, unit in units.items()}
        return {"door": door(open="boolean")["door"].model_copy(update={"fields": fields})}

    migrate(empty_database, gate(gap="mm", load="N"))
    migrate(empty_database, gate(gap="cm", load="N"))  # there are no readings
    with empty_database, empty_database.cursor() as cursor:
        cursor.execute("INSERT INTO door_readings VALUES ('d', now(), gen_random_uuid(), 1, 2, NULL, 1)")
    migrate(empty_database, gate(load="N"))
    with pytest.raises(TelemetryError, match=r"fields\.gap\.unit has changed: it was cm, and is mm"):
        migrate(empty_database, gate(gap="mm", load="N"))
    migrate(empty_database, gate(gap="cm", load="N"))


def test_a_contract_that_an_older_version_stored_whole_is_read(empty_database: Connection) -> None:
    streams = door(open="boolean")
    migrate(empty_database, streams)
    with empty_database, empty_database.cursor() as cursor:
        cursor.execute("INSERT INTO door_readings VALUES ('d', now(), gen_random_uuid(), true, NULL, 1)")
        cursor.execute("UPDATE stream_contracts SET document = %s", (streams["door"].model_dump_json(),))
    assert migrate(empty_database, streams) == []
    moved = streams["door"].model_copy(update={"device": Device(path="serial")})
    with pytest.raises(TelemetryError, match="device has changed: the readings so far have the device from another"):
        migrate(empty_database, {"door": moved})


def test_an_edited_migration_is_refused(empty_database: Connection, tmp_path: Path) -> None:
    file = tmp_path / "0001_one.sql"
    file.write_text("CREATE TABLE one (a integer);")
    assert migrate(empty_database, {}, tmp_path) == ["migration 0001_one.sql"]
    (tmp_path / "0002_two.sql").write_text("ALTER TABLE one ADD COLUMN b text DEFAULT '100%';")
    assert migrate(empty_database, {}, tmp_path) == ["migration 0002_two.sql"]
    file.write_text("CREATE TABLE one (a text);")
    with pytest.raises(TelemetryError, match=r"0001_one\.sql: the file has changed"):
        migrate(empty_database, {}, tmp_path)


def test_a_migration_that_fails_leaves_nothing(empty_database: Connection, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a integer);")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (a nonsense);")
    with pytest.raises(Exception, match="nonsense"):
        migrate(empty_database, {}, tmp_path)
    assert rows(empty_database, "SELECT to_regclass('one'), to_regclass('schema_migrations')") == [(None, None)]


def test_concurrent_migrations_run_once(empty_database: Connection, database: Login) -> None:
    done = []

    def run(_: int) -> None:
        connection = database.connect()
        done.append(migrate(connection, door(open="boolean")))
        connection.close()

    assert at_once(4, run) == []
    assert sorted(map(bool, done)) == [False, False, False, True]


def test_a_migration_that_changes_nothing_waits_for_nobody_who_uses_a_table(
    warehouse: Connection, database: Login
) -> None:
    user = database.connect()
    try:
        with user.cursor() as cursor:
            cursor.execute("LOCK TABLE telemetry_readings IN ACCESS EXCLUSIVE MODE")
        with warehouse, warehouse.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert migrate(warehouse, load_streams()) == []
    finally:
        user.close()
