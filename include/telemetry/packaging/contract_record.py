"""``contracts.lock.yaml``: what the readings of every packaged stream mean, so that a later package cannot change it.

The warehouse refuses such a change too, but only after the functions have it (docs/decisions/0020).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import RootModel

from telemetry.contracts.evolution import Meaning, refused_changes
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Name
from telemetry.errors import TelemetryError
from telemetry.paths import INCLUDE, STREAMS
from telemetry.yaml_documents import dump_document, load_document, place_of

RECORD = INCLUDE / "contracts.lock.yaml"
HEAD = """\
# What the readings of every packaged stream mean. `telemetry package` writes this file: commit it with the change.
# A stream's file that contradicts it is refused (docs/streams.md, "When a file changes"). What was never deployed may
# change: delete its entry, a stream or a field, and package again.
"""


class ContractRecord(RootModel[dict[Name, Meaning]]):
    """The record, by the streams' names."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in a file; an empty one where there is no file.

        Raises:
            TelemetryError: the file is damaged, with ``FILE:LINE: FIELD: what is wrong``.
        """
        if not path.exists():
            return cls({})
        try:
            return load_document(path, cls)
        except TelemetryError as fault:
            raise TelemetryError(fault.message, f"Restore {path.name} from version control.") from fault

    def then(self, streams: Mapping[str, Stream], folder: Path = STREAMS) -> Self:
        """The record of a package of ``streams``, whose files are in ``folder``.

        A stream that is not among them keeps its entry, since its table stays.

        Raises:
            TelemetryError: a file changes what readings mean, with ``FILE:LINE: FIELD: what is wrong``.
        """
        refused = [
            f"{place_of(folder / f'{name}.yaml', *field.split('.'))}: {reason}."
            for name, before in self.root.items()
            if name in streams
            for field, reason in refused_changes(before, streams[name])
        ]
        if refused:
            raise TelemetryError(
                "\n".join(refused),
                "Undo the change, or add a new field or a new stream. What was never deployed may change: delete the "
                f"entry of the stream or of the field from {RECORD.name}.",
            )
        after = {
            name: self.root[name].then(stream) if name in self.root else Meaning.of(stream)
            for name, stream in streams.items()
        }
        return type(self)({**self.root, **after})

    def write(self, path: Path) -> None:
        """Put the record into a file, all of it or nothing.

        Raises:
            TelemetryError: the file cannot be written.
        """
        scratch = path.with_name(f".{path.name}")
        try:
            scratch.write_text(f"{HEAD}{self._text()}", encoding="utf-8")
            scratch.replace(path)
        except OSError as error:
            raise TelemetryError(f"{path} cannot be written: {error.strerror or error}.") from error

    def differing(self, other: Self) -> list[str]:
        """The streams of which two records say different things."""
        return sorted(
            name for name in self.root.keys() | other.root.keys() if self.root.get(name) != other.root.get(name)
        )

    def _text(self) -> str:
        document = self.model_dump(mode="json", exclude_defaults=True)
        return dump_document(dict(sorted(document.items())), flow=True)
