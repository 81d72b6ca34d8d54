"""The encoding of payloads, as a stream's file names it, and of encoded bytes within them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from telemetry.contracts.fields import checked_path
from telemetry.yaml_documents import StrictModel


class Json(StrictModel):
    """JSON (RFC 8259). With ``allow_nan`` also NaN, Infinity and -Infinity in any case, as some devices write them."""

    type: Literal["json"] = "json"
    allow_nan: bool = False
    """Whether NaN and Infinity are taken, in any case."""


class SenML(StrictModel):
    """Sensor Measurement Lists (RFC 8428): a reading for each base name and time, as ``{device, time, values}``."""

    type: Literal["senml"] = "senml"
    format: Literal["json", "cbor"] = "json"
    """How the pack is encoded."""


class Cbor(StrictModel):
    """CBOR (RFC 8949)."""

    type: Literal["cbor"] = "cbor"


class MessagePack(StrictModel):
    """MessagePack."""

    type: Literal["msgpack"] = "msgpack"


class Csv(StrictModel):
    """Lines of text, one object a line. Without ``columns`` the first line names them."""

    type: Literal["csv"] = "csv"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between two texts."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The names of the columns. Without them the first line names them."""


class Text(StrictModel):
    """The whole payload is one text; its path is ``$``."""

    type: Literal["text"] = "text"


class Protobuf(StrictModel):
    """One message of Protocol Buffers. ``descriptor`` is a file beside the stream's, as ``protoc -o`` writes it."""

    type: Literal["protobuf"] = "protobuf"
    descriptor: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.(desc|pb)$")]
    """A file beside the stream's: ``protoc --include_imports -o meter.desc meter.proto``."""
    message: str
    """The message's full name, with its package."""


def _by_name(document: Any) -> Any:
    return {"type": document} if isinstance(document, str) else document


def _type_of(document: Any) -> Any:
    return document.get("type") if isinstance(document, dict) else getattr(document, "type", None)


_Options = Annotated[
    Annotated[Json, Tag("json")]
    | Annotated[SenML, Tag("senml")]
    | Annotated[Cbor, Tag("cbor")]
    | Annotated[MessagePack, Tag("msgpack")]
    | Annotated[Csv, Tag("csv")]
    | Annotated[Text, Tag("text")]
    | Annotated[Protobuf, Tag("protobuf")],
    Discriminator(_type_of),
]
_Name = Literal["json", "senml", "cbor", "msgpack", "csv", "text"]  # of Protocol Buffers, options must be given
Encoding = Annotated[_Options, BeforeValidator(_by_name, json_schema_input_type=_Name | _Options)]
"""A name alone stands for the encoding without options."""


class BitField(StrictModel):
    """A number within bytes: ``bits`` from bit ``at`` on, both counted from the first byte's most significant bit.

    With ``byte_order: little`` the field begins and ends at a byte's edge, and its bytes are turned round.
    """

    name: str
    """The member's name in the decoded object."""
    at: Annotated[int, Field(ge=0, le=8 * 4096)]
    """Its first bit, counted from the first byte's most significant bit."""
    bits: Annotated[int, Field(ge=1, le=64)]
    """How many bits it has."""
    signed: bool = False
    """Whether it is in two's complement."""
    float: bool = False
    """IEEE 754, of 16, 32 or 64 bits."""
    byte_order: Literal["big", "little"] = "big"
    """With ``little``, the field begins and ends at a byte's edge."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.float and self.bits not in (16, 32, 64):
            raise ValueError("a float has 16, 32 or 64 bits")
        if self.byte_order == "little" and (self.at % 8 or self.bits % 8):
            raise ValueError("a little-endian field begins and ends at a byte's edge")
        return self


class DecodedBytes(StrictModel):
    """Bytes within the payload, written as a text, that are decoded: as Cayenne LPP or as a table of bit fields.

    What is decoded is an object at ``into``; the text stays where it is.
    """

    path: str
    """Where the text is."""
    text: Literal["base64", "hex"]
    """How the bytes are written as text."""
    format: Literal["cayenne_lpp"] | None = None
    """The format of the bytes."""
    bit_fields: Annotated[tuple[BitField, ...], Field(min_length=1)] | None = None
    """The numbers in the bytes, instead of a format."""
    into: Annotated[str, Field(min_length=1)] = "decoded"
    """The object that the decoded values form, beside the text."""

    @model_validator(mode="after")
    def _is_decoded_one_way(self) -> Self:
        checked_path(self.path)
        if (self.format is None) == (self.bit_fields is None):
            raise ValueError("name either a format or bit_fields")
        return self
