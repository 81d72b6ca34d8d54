"""Times DataTransformationFunction on one raw object, with an S3 that is in memory.

A process of its own for each measurement: ``python timed_transform.py CHECKOUT STREAM OBJECT``, with the checkout's
``include`` on the path. It knows no more of the checkout than what the state machine knows, the function's event, so
that checkouts of any age can be measured. It prints the rows and the seconds of processor time, the least of several
runs: what else the machine does only ever adds to them.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

RUNS = 4
KEY = "raw-data/{stream}/year=2026/month=03/day=01/hour=12/object.gz"


class MemoryS3:
    """Gives the one object, and takes what is made of it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self._body)}

    def put_object(self, **_: Any) -> None:
        """Forgets it."""


def handler_of(checkout: Path, body: bytes) -> Any:
    """The function's handler, with that S3."""
    path = checkout / "include" / "functions" / "data_transformation" / "handler.py"
    spec = importlib.util.spec_from_file_location("handler", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.client = lambda _: MemoryS3(body)  # type: ignore[attr-defined]
    return module.handler


def main() -> None:
    checkout, stream, path = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    for name in ("RAW_BUCKET", "PROCESSED_BUCKET", "DATABASE_SECRET"):
        os.environ[f"TELEMETRY_{name}"] = "benchmark"
    body = path.read_bytes()
    handler = handler_of(checkout, body)
    item = {"bucket": "raw", "key": KEY.format(stream=stream), "etag": "etag", "bytes": len(body), "lane": "lake"}
    event = {"BatchInput": {"stream": stream, "load_id": 1}, "Items": [item]}
    seconds: list[float] = []
    for _ in range(RUNS):
        began = time.process_time()
        (made,) = handler(event, None)["objects"]
        seconds.append(time.process_time() - began)
    print(json.dumps({"rows": made["rows"], "seconds": min(seconds)}))


if __name__ == "__main__":
    main()
