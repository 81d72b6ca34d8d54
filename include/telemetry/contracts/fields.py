"""One field of a reading: where its value is, its type, and which deviations of devices it tolerates."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from telemetry.contracts.json_path import parse_path
from telemetry.contracts.times import TimeFormats, TimeZone
from telemetry.contracts.units import known_unit
from telemetry.yaml_documents import StrictModel

Scalar = bool | int | float | str


def _checked_factor(factor: float | str) -> float | str:
    try:
        Fraction(factor if isinstance(factor, str) else Decimal(repr(factor)))
    except (ValueError, ZeroDivisionError, OverflowError, ArithmeticError):
        raise ValueError(f"{factor!r} is neither a number nor a fraction such as 5/9") from None
    return factor


OnError = Annotated[
    Literal["reject", "null"],
    BeforeValidator(
        lambda given: "null" if given is None else given, json_schema_input_type=Literal["reject", "null"] | None
    ),
]
"""In YAML, ``null`` is null."""
Factor = Annotated[float | str, AfterValidator(_checked_factor)]
"""A number, or a fraction as a text: 5/9."""


def checked_path(text: str) -> str:
    """A path that can be read.

    Raises:
        ValueError: it is none, in words for people.
    """
    parse_path(text)
    return text


class FieldType(StrEnum):
    """What a field's values are."""

    string = "string"
    double = "double"
    integer = "integer"
    boolean = "boolean"
    timestamp = "timestamp"
    json = "json"
    """Any value, an object or an array too, kept as jsonb."""


NUMBERS = frozenset({FieldType.double, FieldType.integer})


class ContractField(StrictModel):
    """One field of a reading: a column of the table and of the Parquet files.

    A value is read in this order: ``null_values`` are none; ``accept`` and ``decimal`` say which other spellings are
    taken; then ``scale`` and ``offset``; then ``range`` and ``one_of`` are checked, in the field's own unit.
    """

    type: FieldType
    """What the values are. The types are strict: a text is no number, a number is no boolean."""
    path: Annotated[str, Field(min_length=1)] = ""
    """Where the value is: names joined by dots, or a singular query of JSONPath. By default, the field's own name. A
    path that begins with ``$`` begins at the payload, any other at the reading."""
    key: Annotated[int, Field(ge=1)] | None = None
    """Instead of a path: the member's name (or the item's number) at that wildcard of ``readings``, from 1."""
    level: str | None = None
    """Instead of a path: a named level of the topic."""
    unit: str = ""
    """A unit as UCUM writes it (``Cel``, ``%``, ``m/s``, ``ug/m3``, ``kW.h``), or a common sign (``°C``)."""
    range: tuple[float, float] | None = None
    """The least and the greatest value, in the field's own unit; anything beyond is quarantined as ``out_of_range``."""
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    """The values that are allowed; any other is quarantined as ``not_one_of``."""
    required: bool = False
    """Whether a reading without the value is quarantined as ``missing_field``. Otherwise the column is null."""
    description: str = ""
    """For people."""
    null_values: tuple[Scalar, ...] = ()
    """Values that mean "none": ``[-127, 65535, ""]``."""
    scale: Factor | None = None
    """What the payload's number is multiplied by, such as ``0.1`` or ``5/9``; then ``offset`` is added. Computed
    exactly, and rounded once."""
    offset: Factor | None = None
    """What is added to the payload's number after ``scale``: ``scale: 5/9`` with ``offset: -160/9`` for °F."""
    decimal: Literal[".", ","] = "."
    """The decimal sign of numbers in texts."""
    accept: tuple[Literal["text", "number"], ...] = ()
    """``text``: numbers and booleans written as texts; ``number``: numbers for booleans (0 and 1) and for strings."""
    true_values: tuple[Scalar, ...] = ()
    """Further spellings of true."""
    false_values: tuple[Scalar, ...] = ()
    """Further spellings of false."""
    format: TimeFormats | None = None
    """Of a ``timestamp``: one format, or a list that is tried in order: a named one, or a pattern of ``strptime``."""
    timezone: TimeZone | None = None
    """Of a ``timestamp``: the IANA zone of times without an offset, such as ``Europe/Berlin``."""
    on_error: OnError = "reject"
    """What becomes of a value that does not fit: its reading is quarantined, or the value is null and stays in
    ``extra``."""

    @field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        return known_unit(unit)

    @model_validator(mode="after")
    def _reads_one_place(self) -> Self:
        if sum(place not in (None, "") for place in (self.path, self.key, self.level)) > 1:
            raise ValueError("a field reads a path, a key of readings, or a level of the topic: one of them")
        if self.path:
            checked_path(self.path)
        return self

    @model_validator(mode="after")
    def _options_fit_the_type(self) -> Self:
        for option, types in OPTIONS.items():
            if self.type not in types and self._says(option):
                raise ValueError(f"a {self.type} has no {option}")
        if self.type is FieldType.timestamp and self.format is None:
            raise ValueError("a timestamp needs a format, such as iso8601 or epoch_seconds")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError("the range's lower end is above its upper end")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether the field asks for nothing beyond a dotted path, a JSON type, a range and ``required``."""
        asked = [name for name in type(self).model_fields if name not in PLAIN and self._says(name)]
        return not asked and self.type in PLAIN_TYPES

    def _says(self, option: str) -> bool:
        """Whether the file sets an option to something other than its default."""
        return bool(getattr(self, option) != type(self).model_fields[option].default)


OPTIONS: dict[str, frozenset[FieldType]] = {
    "range": NUMBERS,
    "one_of": frozenset({FieldType.string}) | NUMBERS,
    "scale": frozenset({FieldType.double}),
    "offset": frozenset({FieldType.double}),
    "decimal": NUMBERS,
    "accept": frozenset({FieldType.string, FieldType.boolean, FieldType.timestamp}) | NUMBERS,
    "true_values": frozenset({FieldType.boolean}),
    "false_values": frozenset({FieldType.boolean}),
    "format": frozenset({FieldType.timestamp}),
    "timezone": frozenset({FieldType.timestamp}),
}
"""The types that take an option."""
PLAIN = frozenset({"type", "path", "unit", "range", "required", "description"})
PLAIN_TYPES = frozenset({FieldType.string, FieldType.double, FieldType.integer, FieldType.boolean})


def with_default_paths(fields: Any) -> Any:
    """The fields of a document, each with its own name as the path where it says nothing of its place."""
    if not isinstance(fields, dict):
        return fields
    return {
        name: {"path": _as_path(name), **field}
        if isinstance(field, dict) and not {"path", "key", "level"} & field.keys()
        else field
        for name, field in fields.items()
    }


def _as_path(name: object) -> str:
    return name if isinstance(name, str) else ""
