"""Find where JSON values begin and end in a text, even if the text as a whole is not JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A string that never ends reaches to the end of the text, so that each byte is looked at once.
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\],]', re.DOTALL)


def split_glued(text: bytes) -> list[bytes]:
    """The records of a text like ``{…}{…}``: every byte but white space between records is in one of them."""
    records: list[bytes] = []
    start = depth = 0
    for token in TOKEN.finditer(text):
        match text[token.start()]:
            case 0x7B | 0x5B:  # { [
                if depth == 0:
                    records.append(text[start : token.start()])
                    start = token.start()
                depth += 1
            case 0x7D | 0x5D if depth:  # } ]
                depth -= 1
                if depth == 0:
                    records.append(text[start : token.end()])
                    start = token.end()
    records.append(text[start:])
    return [record.strip() for record in records if record.strip()]


def split_array(text: bytes) -> list[bytes]:
    """The items of a text that is a JSON array with items."""
    return list(_items(text))


def _items(text: bytes) -> Iterator[bytes]:
    start = depth = 0
    for token in TOKEN.finditer(text):
        match text[token.start()]:
            case 0x7B | 0x5B:
                depth += 1
                start = token.end() if depth == 1 else start
            case 0x7D | 0x5D:
                depth -= 1
                if depth == 0:
                    yield text[start : token.start()].strip()
            case 0x2C if depth == 1:  # ,
                yield text[start : token.start()].strip()
                start = token.end()
