"""Transform a payload before its fields are read: turn lists into objects, and decode bytes within it."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable, Iterable
from typing import Any

from telemetry.contracts.encoding import DecodedBytes
from telemetry.contracts.json_path import Path, parse_path
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import KeyedList
from telemetry.contracts.places import child, look_up
from telemetry.contracts.reasons import Reason, Rejected, json_name
from telemetry.encodings import UndecodableError
from telemetry.encodings.bit_fields import BitField, decode_bit_fields
from telemetry.encodings.cayenne_lpp import decode_cayenne_lpp
from telemetry.encodings.exact_json import storable

Prepare = Callable[[Any], None]
"""Changes a payload or a reading in its place. Raises ``Rejected`` where it is not what the contract says."""


def compile_preparation(stream: Stream) -> tuple[Prepare, Prepare]:
    """What is done once to the payload (paths that begin with $), and what to each reading."""
    steps = [(parse_path(one.path), _keyed_list(one)) for one in stream.keyed_lists]
    steps += [(parse_path(one.path), _decoded_bytes(one)) for one in stream.decode]
    is_apart = stream.readings is not None
    absolute = [(path, change) for path, change in steps if path.absolute and is_apart]
    relative = [(path, change) for path, change in steps if not (path.absolute and is_apart)]
    return _all(absolute), _all(relative)


def _all(steps: Iterable[tuple[Path, Callable[[Any, Any, Path], None]]]) -> Prepare:
    steps = list(steps)

    def prepare(document: Any) -> None:
        for path, change in steps:
            value = look_up(document, path.steps)
            if value is not None:
                change(document, value, path)

    return prepare


def _keyed_list(keyed: KeyedList) -> Callable[[Any, Any, Path], None]:
    def change(document: Any, value: Any, path: Path) -> None:
        if type(value) is not list or any(type(item) is not dict for item in value):
            raise Rejected(Reason.wrong_type, f"{keyed.path} is {json_name(value)}, not a list of objects")
        members: dict[str, Any] = {}
        for item in value:
            name = "/".join(str(part) for part in (item.get(key) for key in keyed.key) if part is not None)
            if name in members:
                raise Rejected(Reason.wrong_type, f"{keyed.path} has two items of the same {', '.join(keyed.key)}")
            members[name] = {key: part for key, part in item.items() if key not in keyed.key}
        _put(document, path.steps, members)

    return change


def _decoded_bytes(decoded: DecodedBytes) -> Callable[[Any, Any, Path], None]:
    fields = [BitField(**field.model_dump()) for field in decoded.bit_fields or ()]

    def change(document: Any, value: Any, path: Path) -> None:
        if type(value) is not str:
            raise Rejected(Reason.wrong_type, f"{decoded.path} is {json_name(value)}, not a text of bytes")
        try:
            content = (
                a2b_base64(value, strict_mode=True)
                if decoded.text == "base64"
                else bytes.fromhex(value.removeprefix("0x"))
            )
            found = decode_bit_fields(content, fields) if fields else decode_cayenne_lpp(content)
        except (NotBase64, ValueError):
            raise Rejected(Reason.not_decodable, f"{decoded.path} is not written in {decoded.text}") from None
        except UndecodableError as error:
            raise Rejected(Reason.not_decodable, f"{decoded.path}: {error}") from None
        if type(document) is not dict or decoded.into in document:
            raise Rejected(Reason.wrong_type, f"{decoded.into} has a value already: name another place with `into`")
        document[decoded.into] = storable(found)

    return change


def _content(text: str, written: str) -> bytes:
    return a2b_base64(text, strict_mode=True) if written == "base64" else bytes.fromhex(text.removeprefix("0x"))


def _put(document: Any, steps: tuple[str | int, ...], value: Any) -> None:
    holder = look_up(document, steps[:-1])
    if steps and child(holder, steps[-1]) is not None:
        holder[steps[-1]] = value
