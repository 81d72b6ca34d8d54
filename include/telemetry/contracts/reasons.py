"""The reasons why a row cannot become a reading."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """The codes of the quarantine."""

    not_json = "not_json"
    not_decodable = "not_decodable"
    """The bytes are not of the stream's encoding, where that is another than JSON."""
    not_object = "not_object"
    missing_field = "missing_field"
    wrong_type = "wrong_type"
    out_of_range = "out_of_range"
    not_one_of = "not_one_of"
    """A value that is none of those that the contract lists."""
    wrong_device = "wrong_device"
    """The payload names another device than the topic."""
    bad_timestamp = "bad_timestamp"
    future_timestamp = "future_timestamp"
    too_large = "too_large"
    too_deep = "too_deep"
    bad_encoding = "bad_encoding"
    unstorable_text = "unstorable_text"
    """A text with a NUL character, which PostgreSQL cannot hold."""
    truncated_object = "truncated_object"
    """The object's gzip stream ends early: the row holds what is left of its last line."""
    corrupt_object = "corrupt_object"
    """The object's gzip stream is damaged: the row holds what is left of the last line before the damage."""


class Reject(NamedTuple):
    """Why a row is none; ``detail`` names the field and is short: it repeats no text of the payload."""

    reason: Reason
    detail: str


class Rejected(Exception):  # noqa: N818 - a verdict on a payload, not an error of the program
    """Raised where a value does not fit the contract, caught where the payload's verdict is given."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reject = Reject(reason, detail)


_JSON_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
    dict: "an object",
    list: "an array",
}


def json_name(value: object) -> str:
    """JSON's name of a value's type, with its article."""
    return _JSON_NAMES.get(type(value), "a number")  # an ExactNumber
