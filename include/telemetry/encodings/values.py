"""What decoders of other formats give, as values that JSON has."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from telemetry.encodings import UndecodableError
from telemetry.encodings.exact_json import nearest

VALUES_MAX = 200_000
"""Values of one payload: more than a payload of 128 KB holds, unless it refers to its own parts again and again."""


def as_json_values(document: Any) -> Any:
    """Bytes as texts in base64, names as texts, numbers exactly; of anything else its text.

    Raises:
        UndecodableError: there are more than ``VALUES_MAX`` values.
        RecursionError: they nest too deep.
    """
    return _Converter().convert(document)


class _Converter:
    def __init__(self) -> None:
        self._left = VALUES_MAX

    def convert(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise UndecodableError(f"more than {VALUES_MAX} values")
        if value is None or type(value) in (bool, str, float):
            return value
        if isinstance(value, Mapping):
            return self._members(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.convert(item) for item in value]
        return _scalar(value)

    def _members(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        members = {
            name if type(name) is str else str(self.convert(name)): self.convert(item) for name, item in value.items()
        }
        if len(members) < len(value):
            raise UndecodableError("an object has two names that are the same text")
        return members


def _scalar(value: Any) -> Any:
    match value:
        case int():
            return value if -(2**63) <= value < 2**64 else nearest(Decimal(value))
        case bytes():
            return b64encode(value).decode()
        case Decimal():
            return nearest(value) if value.is_finite() else float(value)
        case datetime():
            return value.isoformat()
    return str(value)
