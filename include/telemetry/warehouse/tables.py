"""The tables as the database has them: whether one is there, its columns and its partitions.

Columns follow from a contract, and are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql

from telemetry.errors import TelemetryError
from telemetry.warehouse.connection import Cursor


def table_exists(cursor: Cursor, table: str) -> bool:
    """Whether there is such a table."""
    cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (table,))
    return cursor.fetchall() == [(True,)]


def partitions_of(cursor: Cursor, table: str) -> set[str]:
    """The names of a table's partitions; none where it is missing."""
    cursor.execute(
        """SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass(quote_ident(%s))""",
        (table,),
    )
    return {name for (name,) in cursor}


def columns_of(cursor: Cursor, table: str) -> dict[str, str]:
    """The columns of a table, in order, and their types as ``format_type`` prints them; none where it is missing."""
    cursor.execute(
        """SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
        (table,),
    )
    return dict(cursor.fetchall())


def add_columns(cursor: Cursor, stream: str, table: str, wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Add the columns, by name and type, that the table lacks, and return what was done, a line each.

    Raises:
        TelemetryError: a column has another type than the contract says.
    """
    present = columns_of(cursor, table)
    done = []
    for name, type_ in wanted:
        if name not in present:
            statement = sql.SQL("ALTER TABLE {} ADD COLUMN {} {}")
            cursor.execute(statement.format(sql.Identifier(table), sql.Identifier(name), sql.SQL(type_)))
            done.append(f"column {table}.{name}")
        elif present[name] != type_:
            raise TelemetryError(
                f"Stream {stream}: field {name} is {type_} in the contract, but {present[name]} in the table {table}.",
                "A column cannot change its type. Give the field a new name.",
            )
    return done
