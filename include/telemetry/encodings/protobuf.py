"""Protocol Buffers, by a descriptor that ``protoc --include_imports -o FILE`` wrote."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from telemetry.encodings import UndecodableError


def decode_protobuf(content: bytes, descriptor: Path, message: str) -> Any:
    """The message's fields by their names, as the JSON mapping of Protocol Buffers writes them, but numbers as numbers.

    Raises:
        UndecodableError: the bytes are no such message.
        ValueError: the descriptor cannot be read, or has no such message.
    """
    from google.protobuf.message import DecodeError

    parsed = message_class(descriptor, message)()
    try:
        parsed.ParseFromString(content)
    except (DecodeError, RuntimeWarning) as error:
        raise UndecodableError(f"no {message}") from error
    return _fields(parsed)


@cache
def message_class(descriptor: Path, message: str) -> Any:
    """The class of a message.

    Raises:
        ValueError: the descriptor cannot be read, or has no such message.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.message import DecodeError

    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptor.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(message))
    except (OSError, DecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{descriptor.name} holds no message {message!r}: {error}") from None


def _fields(message: Any) -> dict[str, Any]:
    from telemetry.encodings.values import as_json_values

    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            found[field.name] = {str(key): _value(value[key], inner) for key in value}
        elif field.is_repeated:
            found[field.name] = [_value(item, field) for item in value]
        else:
            found[field.name] = _value(value, field)
    converted: dict[str, Any] = as_json_values(found)
    return converted


def _value(value: Any, field: Any) -> Any:
    if field.message_type:
        return _fields(value)
    if field.enum_type:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else value
    return value
