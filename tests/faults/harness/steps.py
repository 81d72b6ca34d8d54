"""The named steps of a function: calls to AWS, statements, the chunks of a COPY, commits; and what may happen there."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg2 import sql
from psycopg2.extensions import connection, cursor

from faults.harness.worker import AT_END, Fault

Act = Callable[[], None]
When = Literal["before", "after"]


@dataclass(frozen=True)
class Step:
    """A place in a function's run. ``arrange`` is called in the worker, with what is to happen at the step."""

    name: str
    arrange: Callable[[Act], None] = field(repr=False)

    def __str__(self) -> str:
        return self.name


def kill_at(step: Step) -> Fault:
    """SIGKILL, by the worker itself: no ``finally`` runs, no buffer is written, no connection is closed in order."""
    return lambda: step.arrange(lambda: os.kill(os.getpid(), signal.SIGKILL))


def stop_at(step: Step) -> Fault:
    """SIGSTOP, by the worker itself: see ``Worker.wait_stopped`` and ``go_on``."""
    return lambda: step.arrange(lambda: os.kill(os.getpid(), signal.SIGSTOP))


def raise_at(step: Step, error: Exception) -> Fault:
    """The error is raised there."""

    def act() -> None:
        raise error

    return lambda: step.arrange(act)


def call(service: str, operation: str, when: When, nth: int = 1, *, of: str = "") -> Step:
    """Before the ``nth`` call of that operation, or after its answer; of those only whose address holds ``of``."""

    def arrange(act: Act) -> None:
        from telemetry.aws.clients import _session

        count = _Count(nth, act)

        def before(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
            if of in params.get("url_path", ""):
                context["fault"] = True
                if when == "before":
                    count.one_more()

        def after(context: dict[str, Any], **_: Any) -> None:
            if when == "after" and context.get("fault"):
                count.one_more()

        _session().events.register(f"before-call.{service}.{operation}", before)
        _session().events.register(f"after-call.{service}.{operation}", after)

    words = f"{operation} of {of.strip('/')}" if of else operation
    return Step(f"{when} {_ordinal(nth)}{words}", arrange)


def statement(pattern: str, when: When, nth: int = 1, *, name: str = "") -> Step:
    """Before the ``nth`` statement that matches is sent, or after its answer."""

    def arrange(act: Act) -> None:
        _hooks().statements.append((re.compile(pattern, re.S), when, _Count(nth, act)))

    return Step(f"{when} {_ordinal(nth)}{name or pattern}", arrange)


def copying(pattern: str, *, name: str, chunk: int = 2, nth: int = 1) -> Step:
    """In mid-COPY: before that chunk of 8 KiB of the ``nth`` COPY that matches is sent."""

    def arrange(act: Act) -> None:
        _hooks().copies.append((re.compile(pattern, re.S), _Count(nth, lambda: None), chunk, act))

    return Step(f"in the middle of {_ordinal(nth)}{name}", arrange)


def commit(when: When, nth: int = 1) -> Step:
    """Before the ``nth`` COMMIT is sent, or after its answer."""

    def arrange(act: Act) -> None:
        _hooks().commits.append((when, _Count(nth, act)))

    return Step(f"{when} {_ordinal(nth)}COMMIT", arrange)


def at_end() -> Step:
    """All is done, and nobody is told."""
    return Step("before its answer", AT_END.append)


class _Count:
    """Acts at the ``nth`` time, and never again."""

    def __init__(self, nth: int, act: Act) -> None:
        self._left, self._act, self._lock = nth, act, threading.Lock()

    def one_more(self) -> bool:
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            self._act()
        return now


def _ordinal(nth: int) -> str:
    return "" if nth == 1 else {2: "2nd ", 3: "3rd "}.get(nth, f"{nth}th ")


@dataclass
class _Hooks:
    """What happens at the worker's connections."""

    statements: list[tuple[re.Pattern[str], When, _Count]]
    copies: list[tuple[re.Pattern[str], _Count, int, Act]]
    commits: list[tuple[When, _Count]]
    arguments: dict[str, Any]


_installed: list[_Hooks] = []


def _hooks() -> _Hooks:
    """The worker's, installed at the first use."""
    if not _installed:
        import psycopg2

        hooks = _Hooks([], [], [], {})
        connect: Any = psycopg2.connect

        def watched(**arguments: Any) -> Any:
            return connect(connection_factory=_Connection, **{**arguments, **hooks.arguments})

        psycopg2.connect = watched  # type: ignore[assignment]
        _installed.append(hooks)
    return _installed[0]


def database_at(port: int) -> Fault:
    """The worker finds the database there."""
    return lambda: _hooks().arguments.update(host="127.0.0.1", port=port)


class _Connection(connection):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.cursor_factory = _Cursor

    def commit(self) -> None:
        _happen([(when, count) for when, count in _hooks().commits if when == "before"])
        super().commit()
        _happen([(when, count) for when, count in _hooks().commits if when == "after"])


def _happen(due: list[tuple[When, _Count]]) -> None:
    for _, count in due:
        count.one_more()


class _Cursor(cursor):
    def execute(self, query: str | bytes | sql.Composable, vars: Any = None) -> None:
        self._meet("before", query)
        super().execute(query, vars)
        self._meet("after", query)

    def copy_expert(self, sql: str | bytes | sql.Composable, file: Any, size: int = 8192) -> None:
        for pattern, count, chunk, act in _hooks().copies:
            if pattern.search(self._text(sql)) and count.one_more():
                file = _Chunks(file, chunk, act)
        self._meet("before", sql)
        super().copy_expert(sql, file, size)
        self._meet("after", sql)

    def _meet(self, now: When, query: str | bytes | sql.Composable) -> None:
        text = self._text(query)
        for pattern, when, count in _hooks().statements:
            if when == now and pattern.search(text):
                count.one_more()

    def _text(self, query: str | bytes | sql.Composable) -> str:
        if isinstance(query, bytes):
            return query.decode()
        return query if isinstance(query, str) else query.as_string(self)


class _Chunks:
    """A file of which the ``chunk``-th part is asked for when ``act`` happens."""

    def __init__(self, file: Any, chunk: int, act: Act) -> None:
        self._file, self._count = file, _Count(chunk, act)

    def read(self, size: int = -1) -> Any:
        self._count.one_more()
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
