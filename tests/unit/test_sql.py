"""SQL stands in one package: import-linter keeps psycopg2 out of the others, and these tests the statements."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.paths import MIGRATIONS

PROJECT = Path(__file__).parents[2]
WAREHOUSE = PROJECT / "include/telemetry/warehouse"
OTHERS = [PROJECT / "include/telemetry/local", WAREHOUSE]
"""Where SQL may stand: the local stack makes databases, and looks into Airflow's."""

TABLES = re.findall(r"^CREATE TABLE (\w+)", "\n".join(path.read_text() for path in MIGRATIONS.glob("*.sql")), re.M)
STATEMENT = re.compile(
    rf"\b(FROM|JOIN|INTO|UPDATE|TABLE|COPY)\s+(ONLY\s+)?({'|'.join(TABLES)}|\w+_readings|\w+_rollup|\{{)"
    r"|\b(to_regclass|pg_advisory_\w+)\("
)
CURSOR_METHODS = {"execute", "executemany", "copy_expert", "copy_from", "execute_values", "execute_batch", "mogrify"}


def sources() -> list[Path]:
    folders = ("include", "dags", "plugins")
    paths = [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]
    return sorted(path for path in paths if not any(path.is_relative_to(other) for other in OTHERS))


def sql_in(source: str) -> Iterator[tuple[int, str]]:
    """The lines that hold SQL on the warehouse's tables, or run any."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if found := STATEMENT.search(text):
                yield node.lineno, found[0]
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in CURSOR_METHODS:
                yield node.lineno, f"{name}()"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_sql_stands_outside_of_the_warehouse(path: Path) -> None:
    assert list(sql_in(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "QUERY = 'SELECT count(*) FROM load_object_days WHERE day = %s'",
        "QUERY = f'''UPDATE\n  loads SET {SUMS}'''",
        "def f(c): c.execute(QUERY)",
        "def f(c): c.copy_expert(QUERY, file)",
        "execute_values(cursor, QUERY, rows)",
        "sql.SQL('SELECT count(*) FROM {}').format(table)",
        "QUERY = 'SELECT max(event_time) FROM telemetry_readings'",
        "LOCK = 'SELECT pg_advisory_xact_lock(1)'",
    ],
)
def test_sql_is_found(source: str) -> None:
    assert list(sql_in(source))


@pytest.mark.parametrize(("function", "home"), [("to_regclass", "tables.py"), ("pg_advisory_", "locks.py")])
def test_one_module_looks_up_tables_and_one_takes_locks(function: str, home: str) -> None:
    assert [path.name for path in WAREHOUSE.glob("*.py") if function in path.read_text()] == [home]


def test_the_ledgers_tables_are_listed() -> None:
    assert {"loads", "load_objects", "load_object_days", "queue_messages", "quarantine", "dropped_rows"} <= set(TABLES)
    assert {"quality_checks", "reconciliations", "reading_ids"} <= set(TABLES)
