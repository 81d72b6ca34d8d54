"""The contract as columns: of the stream's PostgreSQL table, of its Parquet files and of their Glue tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetry.contracts.model import FieldType, Stream
from telemetry.interval import Lane

if TYPE_CHECKING:
    import pyarrow as pa


class Column(NamedTuple):
    """A column: its PostgreSQL type as ``format_type`` prints it, and the Arrow type's alias."""

    name: str
    sql: str
    arrow: str

    @property
    def glue(self) -> str:
        """The type of a Glue table's column."""
        return GLUE[self.arrow]


TYPES: dict[FieldType, tuple[str, str]] = {
    FieldType.string: ("text", "string"),
    FieldType.double: ("double precision", "float64"),
    FieldType.integer: ("bigint", "int64"),
    FieldType.boolean: ("boolean", "bool"),
    FieldType.timestamp: ("timestamp with time zone", "timestamp[us, UTC]"),
    FieldType.json: ("jsonb", "string"),
}
GLUE = {
    "string": "string",
    "float64": "double",
    "int64": "bigint",
    "int32": "int",
    "bool": "boolean",
    "timestamp[us, UTC]": "timestamp",
    "date32": "date",
    "binary": "binary",
}
"""The Glue type of each Arrow type (Athena user guide, "Data types in Amazon Athena")."""
KEY = (
    Column("device_id", "text", "string"),
    Column("event_time", "timestamp with time zone", "timestamp[us, UTC]"),
    Column("reading_id", "uuid", "string"),
)
EXTRA = Column("extra", "jsonb", "string")
LINE = (Column("line", "bigint", "int64"), Column("item", "integer", "int32"))
"""Where in its raw object a row stands."""
MESSAGE_ID = Column("message_id", "text", "string")
"""The id of the message that brought a row: by it a redelivered message is known."""
DAY = Column("received_on", "date", "date32")
"""When that message was received."""
REJECT = (
    Column("reason", "text", "string"),
    Column("detail", "text", "string"),
    Column("raw", "bytea", "binary"),
    Column("topic", "text", "string"),
    Column("received_at", "timestamp with time zone", "timestamp[us, UTC]"),
    Column("reading", "integer", "int32"),
)
FILTERED = "filtered"
"""In the place of a reject's reason: the row is one that the stream's conditions leave out."""


def reading_columns(stream: Stream) -> list[Column]:
    """The columns of a reading, in order."""
    fields = [Column(name, *TYPES[field.type]) for name, field in stream.fields.items()]
    return [*KEY, *fields, EXTRA]


def readings_file(stream: Stream, lane: Lane) -> list[Column]:
    """The columns of the Parquet file of an object's readings, in order."""
    return [*reading_columns(stream), *_origin(lane)]


def rejects_file(lane: Lane) -> list[Column]:
    """The columns of the Parquet file of an object's rejects, in order."""
    return [*REJECT, *_origin(lane)]


def readings_schema(stream: Stream, lane: Lane) -> pa.Schema:
    """The Parquet file of an object's readings."""
    return _schema(readings_file(stream, lane))


def rejects_schema(lane: Lane) -> pa.Schema:
    """The Parquet file of an object's rejects."""
    return _schema(rejects_file(lane))


def _origin(lane: Lane) -> list[Column]:
    return [*LINE, MESSAGE_ID, DAY] if lane is Lane.queue else [*LINE]


def _schema(columns: list[Column]) -> pa.Schema:
    import pyarrow as pa

    def arrow(alias: str) -> pa.DataType:
        return pa.timestamp("us", tz="UTC") if alias == "timestamp[us, UTC]" else pa.type_for_alias(alias)

    return pa.schema([(column.name, arrow(column.arrow)) for column in columns])
