"""Printing: results go to standard output, progress to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160
"""The width of tables where there is no terminal, such as in a build log."""

results = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
notes = Console(stderr=True, highlight=False)


def note(line: str) -> None:
    """Print a line about progress, as it is."""
    notes.print(line, markup=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print a document as JSON: times in ISO 8601, bytes as text in which anything but UTF-8 is escaped."""
    print(json.dumps(document, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, memoryview | bytes):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def print_table(title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table, with numbers aligned to the right. Markup in a row is not interpreted."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="", box=None, pad_edge=False)
    rows = list(rows)
    for column in columns:
        numeric = any(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    results.print(table)
    results.print()


def _cell(value: object) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, datetime):
        return Text(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00"))
    return Text(
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))
    )


def printable(text: str) -> str:
    """The text with control characters escaped: messages come from outside, and must not control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Bar]:
    """Show a progress bar on standard error while the block runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes, transient=False) as progress:
        yield Bar(progress, what, total)


class Bar:
    """A progress bar; call it with the number of items that are done."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress, self._task = progress, progress.add_task(what, total=total)

    def __call__(self, completed: int) -> None:
        self._progress.update(self._task, completed=completed)

    def expect(self, total: int) -> None:
        """Set how many items there are."""
        self._progress.update(self._task, total=total)
