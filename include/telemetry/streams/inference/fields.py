"""Guess the type of each field, its spellings, and the values that mean null."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from telemetry.contracts.convert import FALSE, TRUE, field_converter, is_null
from telemetry.contracts.fields import NUMBERS, ContractField
from telemetry.contracts.json_path import Path
from telemetry.contracts.reasons import Rejected
from telemetry.contracts.times import ISO8601
from telemetry.encodings.exact_json import ExactNumber
from telemetry.streams.inference.leaves import Columns, is_object, written
from telemetry.streams.inference.names import column_names
from telemetry.streams.inference.times import as_times, name_score

FIELDS_MAX = 200
REQUIRED_FROM = 5
"""Readings that all have a value before it is said that every one has it."""
NONE_WORDS = frozenset(
    {"", "nan", "n/a", "na", "null", "none", "-", "--", "---", "unavailable", "unknown", "undefined"}
)
SENTINELS = frozenset(
    {-99, -127, -128, -999, -1270, -9999, -32768, 999, 9999, 32767, 65534, 65535, 2147483647, -2147483648, 4294967295}
)
"""Numbers that sensors send when they have no value, where all others are much smaller."""
FAR = 2
"""How many times the largest of the others."""
ID_NAME = re.compile(r"(.*_)?(id|eui|serial|serial_no|code|version|item_\d+)")
"""Texts under such names are no numbers, even if they are written in digits."""
NUMBER = re.compile(r"\s*[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\s*", re.ASCII)
COMMA = re.compile(r"\s*[+-]?(0|[1-9]\d*),\d+\s*", re.ASCII)
COUNTED = re.compile(
    r"(.*_)?(count(er)?|cnt|f_cnt(_up)?|seq(uence)?|port|f_port|channel|number|no|index|id|rssi|uptime|code|version|"
    r"errors?|retries|packets|bytes|reboots|restarts|dr)"
)
BYTES_NAME = re.compile(r"(frm_?)?(payload|data|raw)(_?(raw|hex|bytes|data|base64))?", re.IGNORECASE)
BYTES_TEXT = re.compile(r"(0x)?([0-9a-fA-F]{2}){2,}|(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class FieldGuess(NamedTuple):
    """A field as a stream's file has it, what was seen of it, and what is to be looked at."""

    name: str
    document: dict[str, Any]
    seen: str
    doubt: str = ""


def guess_fields(
    columns: Columns, readings: int, taken: Collection[str], units: Mapping[Path, str]
) -> list[FieldGuess]:
    """A field for each path of which there is a value, with its unit if that is known; none has a ``taken`` name."""
    fields: list[FieldGuess] = []
    present = {path: found for path, values in columns.items() if (found := [v for v in values if v is not None])}
    paths = list(present)[:FIELDS_MAX]
    for path, name in zip(paths, column_names(paths, taken), strict=True):
        field = _field(name, path, present[path], readings)
        if path in units and field.document["type"] in NUMBERS:
            field.document["unit"] = units[path]
        fields.append(field)
    return fields


def _field(name: str, path: Path, values: list[Any], readings: int) -> FieldGuess:
    place = {} if written(path) == name else {"path": written(path)}
    document, doubt = _typed(name, path, values)
    field = ContractField(**{"path": written(path), **document})
    if not _fits(name, field, values):
        document["on_error"] = None
    null = is_null(field)
    if len(values) == readings >= REQUIRED_FROM and "on_error" not in document and not any(map(null, values)):
        document["required"] = True
    return FieldGuess(name, {**place, **document}, _seen([v for v in values if not null(v)], readings), doubt)


def _fits(name: str, field: ContractField, values: Sequence[Any]) -> bool:
    convert, null = field_converter(name, field), is_null(field)
    try:
        for value in values:
            if not null(value):
                convert(value)
    except Rejected:
        return False
    return True


def _typed(name: str, path: Path, values: Sequence[Any]) -> tuple[dict[str, Any], str]:
    """The type and its options, and a doubt."""
    kinds = Counter(_kind(value) for value in values)
    none_words = kinds.pop("none", 0)
    total = sum(kinds.values())
    numbers = kinds["number"] + kinds["number_text"] + kinds["comma_text"]
    if not kinds:
        return _only_none(values)
    is_id = bool(ID_NAME.fullmatch(name)) and not kinds["number"]
    if (
        numbers
        and not is_id
        and 2 * numbers >= total
        and kinds["boolean"] == kinds["boolean_text"] == kinds["json"] == 0
    ):
        return _time(path, values) or _number(name, values, kinds)
    if kinds["boolean"] + kinds["boolean_text"] and _are_booleans(values):
        accept = ["text"] * (none_words + kinds["boolean_text"] > 0) + ["number"] * (kinds["number"] > 0)
        accept = sorted({*accept, *(["text"] if kinds["number_text"] else [])}, reverse=True)
        return {"type": "boolean", **_options(accept=accept, null_values=_none_words(values))}, ""
    if kinds.keys() <= {"text", "number_text", "comma_text", "boolean_text", "number"}:
        if kinds["text"] == total and (time := _time(path, values)):
            return time
        return {"type": "string", **_options(accept=["number"] if kinds["number"] else [])}, _bytes_doubt(path, values)
    if kinds["json"] and all(is_object(value) or type(value) is list for value in values):
        return {"type": "json"}, ""
    if kinds["json"] and 2 * (total - kinds["json"]) >= total:  # NaN, say, which stands in for itself
        return _typed(name, path, [value for value in values if type(value) not in (dict, list)])
    return {"type": "json"}, "its values are of several types"


def _only_none(values: Sequence[Any]) -> tuple[dict[str, Any], str]:
    """A value that only ever meant null: it is a number if it was used in place of numbers."""
    if any(str(value).strip().lower() == "nan" for value in values):
        return {"type": "double", "accept": ["text"], "null_values": _none_words(values)}, "no value was seen but nan"
    return {"type": "string"}, ""


def _kind(value: Any) -> str:
    if type(value) is bool:
        return "boolean"
    if type(value) in (int, float, ExactNumber):
        return "number"
    if type(value) is not str:
        return "json"
    if value.strip().lower() in NONE_WORDS:
        return "none"
    if NUMBER.fullmatch(value):
        return "number_text"
    if COMMA.fullmatch(value):
        return "comma_text"
    return "boolean_text" if value.strip().lower() in TRUE | FALSE else "text"


def _are_booleans(values: Sequence[Any]) -> bool:
    def fits(value: Any) -> bool:
        if type(value) is str:
            return value.strip().lower() in TRUE | FALSE | NONE_WORDS
        return type(value) in (bool, int, float) and value in (0, 1)

    return all(map(fits, values))


def _number(name: str, values: Sequence[Any], kinds: Counter[str]) -> tuple[dict[str, Any], str]:
    numbers = [(value, number) for value in values if (number := _as_number(value)) is not None]
    nulls = _sentinels(numbers)
    whole = all(number.is_integer() for _, number in numbers) and not kinds["comma_text"]
    whole = whole and not any(type(value) is str and "." in value for value in values)
    is_integer = whole and bool(COUNTED.fullmatch(name))
    options = _options(
        accept=["text"] if kinds["number_text"] and not kinds["comma_text"] else [],
        decimal="," if kinds["comma_text"] else None,
        null_values=[*nulls, *_none_words(values)],
    )
    doubt = f"{', '.join(map(str, nulls))} is taken for no value" if nulls else ""
    return {"type": "integer" if is_integer else "double", **options}, doubt


def _as_number(value: Any) -> float | None:
    if type(value) in (int, float, ExactNumber):
        return float(value)
    if type(value) is str and (NUMBER.fullmatch(value) or COMMA.fullmatch(value)):
        return float(value.replace(",", "."))
    return None


def _sentinels(numbers: Sequence[tuple[Any, float]]) -> list[Any]:
    """The values, as they are sent, that stand out from all others and are known to mean none."""
    others = [abs(number) for _, number in numbers if number not in SENTINELS]
    if not others:
        return []
    far = max(FAR * max(others), 1.0)
    found = {value: None for value, number in numbers if number in SENTINELS and abs(number) >= far}
    return list(found)


def _none_words(values: Sequence[Any]) -> list[str]:
    return list({value: None for value in values if type(value) is str and value.strip().lower() in NONE_WORDS})


def _options(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _time(path: Path, values: Sequence[Any]) -> tuple[dict[str, Any], str] | None:
    """A field that is a time, where all values are one, and their name says so if they are numbers."""
    found = as_times(values)
    if found is None or found.fitting < len(values) or found.is_local:
        return None
    if name_score(path) == 0 and not all(type(value) is str and ISO8601.fullmatch(value) for value in values):
        return None
    formats: str | list[str] = found.formats[0] if len(found.formats) == 1 else list(found.formats)
    return {"type": "timestamp", "format": formats, **_options(accept=["text"] if found.accepts_text else [])}, ""


def _bytes_doubt(path: Path, values: Sequence[Any]) -> str:
    name = str(path.steps[-1]) if path.steps else ""
    if BYTES_NAME.fullmatch(name) and all(type(value) is str and BYTES_TEXT.fullmatch(value) for value in values):
        return "these look like bytes in base64 or hex, which `decode` can read"
    return ""


def _seen(values: Sequence[Any], readings: int) -> str:
    """What was seen of a field, in a few words, with nothing in it that could end a comment."""
    numbers = [n for value in values if (n := _as_number(value)) is not None and math.isfinite(n)]
    texts = list({value: None for value in values if type(value) is str})
    words = ""
    if numbers and len(numbers) * 2 >= len(values):
        words = f"{_short(min(numbers))} to {_short(max(numbers))}, "
    elif 0 < len(texts) <= 4 and all(len(text) <= 20 for text in texts):
        words = f"{', '.join(json.dumps(text) for text in texts)}, "
    return f"{words}in {len(values)} of {readings}"


def _short(number: float) -> str:
    return f"{number:.10g}" if abs(number) < 1e10 else f"{number:.0f}"
