"""Write Parquet files one row group at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class ParquetFileWriter:
    """A Parquet file under way: holds its rows until ``flush`` writes them as one row group, sorted by ``order``."""

    def __init__(self, path: Path, schema: pa.Schema, order: list[str]) -> None:
        self.path = path
        self.written = 0
        self.rows: list[tuple[Any, ...]] = []
        self._schema = schema
        self._order = [(name, "ascending") for name in order]
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def flush(self) -> None:
        if not self.rows:
            return
        columns = zip(*self.rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema).sort_by(self._order))
        self.written += len(self.rows)
        self.rows = []

    def close(self, metadata: dict[str, str]) -> None:
        """Write what is left, and ``metadata`` into the file's own."""
        self.flush()
        self._writer.add_key_value_metadata(metadata)
        self._writer.close()
