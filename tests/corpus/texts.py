"""Encodings, control characters, texts that are no JSON, and texts that some program or other would take for orders."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Iterator

from corpus.model import HERE, Payload, Speaker, changed, said
from telemetry.contracts.reasons import Reason

NOT_UTF8 = {
    "a byte that begins nothing": b"\xff",
    "a byte that is never used": b"\xc1",
    "a continuation alone": b"\x80",
    "two continuations": b"\xbf\xbf",
    "two bytes, one missing": b"\xc3",
    "three bytes, one missing": b"\xe2\x82",
    "four bytes, one missing": b"\xf0\x9f\x98",
    "two bytes for an ASCII character": b"\xc1\x81",
    "two bytes for NUL": b"\xc0\x80",
    "three bytes for a slash": b"\xe0\x80\xaf",
    "four bytes for a slash": b"\xf0\x80\x80\xaf",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xb0\x80",
    "both surrogates, as CESU-8": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "Latin-1": "Grüße".encode("latin-1"),
    "Windows-1252": "“quoted”".encode("cp1252"),
    "Shift JIS": "温度".encode("shift_jis"),
}

NOT_JSON = {
    "NUL": b"\0",
    "many NULs": b"\0" * 1000,
    "a word": b"nonsense",
    "single quotes": b"{'device_id': 'd'}",
    "Python": b"{'a': None, 'b': True}",
    "a bare key": b"{device_id: 1}",
    "a number as key": b"{1: 2}",
    "no colon": b'{"device_id" "d"}',
    "no value": b'{"device_id":}',
    "a comma too many": b'{"device_id": "d",}',
    "a comma too many in an array": b"[1, 2,]",
    "a comment": b'{"device_id": /* c */ "d"}',
    "a comment before": b'/* c */ {"device_id": "d"}',
    "an unclosed object": b'{"device_id": "d"',
    "an unclosed text": b'{"device_id": "d',
    "an unclosed array": b"[[1, 2]",
    "only an opening brace": b"{",
    "only a closing brace": b"}",
    "braces the wrong way round": b"}{",
    "a wrong pair": b'{"a": [1}',
    "a bad escape": b'{"device_id": "\\x41"}',
    "half a Unicode escape": b'{"device_id": "\\u00"}',
    "a backslash at the end": b'{"device_id": "d\\',
    "True": b"True",
    "undefined": b"undefined",
    "a zero-width space": b"\xe2\x80\x8b{}",
    "a no-break space": b"\xc2\xa0{}",
    "a form feed": b"\x0c{}",
    "UTF-16 without a BOM": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32 without a BOM": '{"a": 1}'.encode("utf-32-le"),
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "HTML": b"<html><script>alert(1)</script></html>",
    "YAML": b"device_id: !!python/object/apply:os.system [id]",
    "CSV": b"device_id,timestamp,temperature\r\nd,2026,1\r\n",
    "InfluxDB line": b"weather,location=us temperature=82 1465839830100400200",
    "base64": b"eyJkZXZpY2VfaWQiOiAiZCJ9",
    "a COPY end": b"\\.",
    "a COPY null": b"\\N",
    "SQL": b"'; DROP TABLE loads; --",
    "a formula": b"=cmd|' /C calc'!A0",
    "a terminal's escape": b"\x1b[2J\x1b]0;title\x07",
    "two lines": b"not JSON\nnor this",
    "many lines": b"a\nb\n\nc\n",
    "lines with CR": b"a\r\nb\r\n",
    "an object over broken lines": b'{"device_id":\n"d",\n',
    "a newline in a text": b'{"device_id": "a\nb"}',
    "the empty payload": b"",
    "a space": b" ",
    "spaces": b"  \t  ",
    "a newline": b"\n",
    "newlines": b"\n" * 50,
    "CRLF": b"\r\n",
    "CR": b"\r",
}

HOSTILE = {
    "end of COPY": "\\.",
    "end of COPY on its line": "a\n\\.\nb",
    "null of COPY": "\\N",
    "null in words": "NULL",
    "a quote": '"',
    "two quotes": '""',
    "quotes and commas": 'a","b',
    "an apostrophe": "O'Neil",
    "a comma": "a,b",
    "a tab": "a\tb",
    "a backslash": "a\\b",
    "a backslash at the end": "a\\",
    "CRLF": "a\r\nb",
    "CR": "a\rb",
    "a newline": "\n",
    "a line separator": "a\u2028b",
    "SQL": "'; DROP TABLE loads; --",
    "SQL in quotes": '"; DELETE FROM load_objects; --',
    "dollar quotes": "$$; SELECT pg_sleep(60); $$",
    "a placeholder": "%s %(x)s %",
    "a template": "{0} {__class__} ${jndi:ldap://x} {{7*7}}",
    "HTML": "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "Rich markup": "[bold red]x[/] [link=https://x]y[/link] [/nothing]",
    "a terminal's escape": "\x1b[31mred\x1b[0m",
    "a path": "../../etc/passwd",
    "an S3 prefix": "year=2026/month=01/",
    "a topic": "devices/+/telemetry/#",
    "a formula": "=1+1",
    "an emoji": "😀",
    "a family of one": "👩‍👩‍👧‍👦",
    "a flag": "🇨🇭",
    "composed": "é",
    "decomposed": "e\u0301",
    "Kelvin": "\u212a",
    "full width": "ｄｅｖｉｃｅ",
    "right to left": "\u202eevil",
    "zero width": "a\u200bb",
    "a BOM": "\ufeffa",
    "no character": "\ufffe\uffff",
    "replacement": "\ufffd",
    "the last of all": "\U0010ffff",
    "private use": "\ue000",
    "DEL and C1": "\x7f\x80\x9f",
    "a space": " ",
    "spaces around": "  a  ",
    "a dot": "a.b",
    "braces": "}{",
    "Zalgo": "h\u0335\u0322\u0321\u0328\u0327i",
}


LONE_SURROGATES = {
    "a lone high surrogate": rb"\ud800",
    "a lone low surrogate": rb"\udc00",
    "surrogates the wrong way round": rb"\ude00\ud83d",
}


def payloads(speaker: Speaker) -> Iterator[Payload]:
    yield from _encodings(speaker)
    yield from _controls(speaker)
    for what, text in LONE_SURROGATES.items():
        yield speaker.bad(f"a device of {what}", b'{"device_id": "%s"}' % text, Reason.unstorable_text)
        device = f"surplus of {what}"
        reading = speaker.reads(device).beside({"note": {"$json": f'"{text.decode()}"'}})
        yield speaker.payload(device, said(changed(speaker.good(device), note=HERE), b'"%s"' % text), reading)
    yield speaker.bad("a BOM and an empty object", codecs.BOM_UTF8 + b"{}", Reason.missing_field)
    device = "a BOM before it"
    yield speaker.payload(device, codecs.BOM_UTF8 + said(speaker.good(device)), speaker.reads(device))
    for what, text in NOT_JSON.items():
        yield speaker.bad(f"no JSON: {what}", text, Reason.not_json)
    yield from _hostile(speaker)


def _encodings(speaker: Speaker) -> Iterator[Payload]:
    for what, text in NOT_UTF8.items():
        yield speaker.bad(f"no UTF-8: {what}", text, Reason.bad_encoding)
        within = said(speaker.good("d", device_id=HERE), b'"%s"' % text)
        yield speaker.bad(f"no UTF-8 in the device: {what}", within, Reason.bad_encoding)
    fitting = said(speaker.good("d")).decode()
    yield speaker.bad("no UTF-8: UTF-16", fitting.encode("utf-16"), Reason.bad_encoding)
    yield speaker.bad("no UTF-8: UTF-32", fitting.encode("utf-32"), Reason.bad_encoding)
    yield speaker.bad("no UTF-8: gzip", gzip.compress(fitting.encode(), mtime=0), Reason.bad_encoding)
    yield speaker.bad("no UTF-8: CBOR", b"\xa2\x61a\x01\x61b\x82\x02\x03", Reason.bad_encoding)
    yield speaker.bad("no UTF-8: protobuf", b"\x08\x96\x01\x12\x04\xc3\x28\xff\x00", Reason.bad_encoding)
    yield speaker.bad("no UTF-8: every byte", bytes(range(256)), Reason.bad_encoding)


def _controls(speaker: Speaker) -> Iterator[Payload]:
    """Every control character: as it is, which JSON forbids, and escaped, which it does not."""
    for code in range(0x20):
        name = f"control character {code:#04x}"
        raw = said(speaker.good("d", device_id=HERE), b'"a%cb"' % code)
        yield speaker.bad(name, raw, Reason.not_json)
        device = f"{name} escaped"
        text = said(changed(speaker.good(device), note=HERE), f'"\\u{code:04x}"')
        if code:
            yield speaker.payload(device, text, speaker.reads(device).beside({"note": chr(code)}))
        else:
            yield speaker.payload(device, text, speaker.reads(device).beside({"note": {"$json": '"\\u0000"'}}))
    yield speaker.bad("NUL in the device", said(speaker.good("a\0b")), Reason.unstorable_text)
    for where, surplus, kept in (
        ("a name", {"a\0b": 1}, {"$json": '{"a\\u0000b":1}'}),
        ("a nested text", {"note": [{"a": "\\\0"}]}, {"note": [{"a": {"$json": '"\\\\\\u0000"'}}]}),
        ("the name of what is escaped", {"$json": 1}, {"$json": '{"$json":1}'}),
    ):
        device = f"unstorable: {where}"
        document = changed(speaker.good(device), **surplus)
        yield speaker.payload(device, said(document), speaker.reads(device).beside(kept))
    device = "a backslash and u0000"
    extra = {"note": "\\u0000"}
    yield speaker.payload(device, said(changed(speaker.good(device), **extra)), speaker.reads(device).beside(extra))


def _hostile(speaker: Speaker) -> Iterator[Payload]:
    """Each text as a device, as a value and as a name: stored as it is."""
    for what, text in HOSTILE.items():
        name = f"text: {what}"
        yield speaker.payload(f"{name} as device", said(speaker.good(text)), speaker.reads(text))
        extra = {"note": text, f" {text}": {text: [text]}}
        yield speaker.payload(name, said(changed(speaker.good(name), **extra)), speaker.reads(name).beside(extra))
        if speaker.stream == "environment":
            device = f"{name} as name"
            document = speaker.good(device, device_name=text)
            yield speaker.payload(device, said(document), speaker.reads(device, device_name=text))
