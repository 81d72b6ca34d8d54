"""What is made of a raw object is loaded as that object's: of its name, of its version and by today's contract."""

from __future__ import annotations

import pytest

import etl
from etl import Execution, ledger_of, put_raw, reading
from telemetry.contracts.loader import find_stream
from telemetry.etl.load import Loader
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection

pytestmark = pytest.mark.usefixtures("aws")


def test_objects_of_like_names_are_loaded_each(warehouse: Connection) -> None:
    for number, name in enumerate(["a/x.gz", "b/x.gz", "x.gz", "x"]):
        put_raw([reading(number)], name=name)
    Execution("telemetry").run()
    assert ledger_of(warehouse) == [(1, 0, 1, 1, 0, 0)] * 4


def test_a_file_made_from_another_version_of_the_object_is_not_loaded(warehouse: Connection) -> None:
    key = put_raw([reading(0)])
    execution, other = Execution("telemetry"), Execution("telemetry")
    batch = execution.transform(execution.extract())
    put_raw([reading(1), reading(2)], name=key.rsplit("/", 1)[1])
    other.transform(other.extract())
    with pytest.raises(RuntimeError, match="was transformed again in the meantime"):
        execution.load(batch)
    assert ledger_of(warehouse) == []


@pytest.mark.parametrize("change", ["DROP", "RENAME"])
def test_a_file_made_with_another_contract_is_not_loaded(warehouse: Connection, change: str) -> None:
    """Else a field that has left the contract in between would be in no column, and not in ``extra``."""
    put_raw([reading(0)])
    execution = Execution("telemetry")
    (item,) = execution.transform(execution.extract())["objects"]
    stream = find_stream("telemetry")
    fields = dict(stream.fields)
    humidity = fields.pop("humidity")
    if change == "RENAME":
        fields["moisture"] = humidity
    loader = Loader(
        warehouse,
        etl.s3(),
        stream.model_copy(update={"fields": fields}),
        etl.processed_bucket(),
        execution.extracted["load_id"],
    )
    with pytest.raises(RuntimeError, match="by another contract"):
        loader.load([RawObject.from_document(item)])
    assert ledger_of(warehouse) == []


def test_a_transient_failure_is_raised_before_a_permanent_one(warehouse: Connection) -> None:
    """The state machine tries again what may pass, and nothing else."""
    for name in ("1.gz", "2.gz", "3.gz"):
        put_raw([reading(int(name[0]))], name=name)
    execution = Execution("telemetry")
    batch = execution.transform(execution.extract())
    gone, passing, good = batch["objects"]
    batch["objects"] = [{**gone, "error": "gone"}, {**passing, "etag": "another"}, good]
    with pytest.raises(RuntimeError, match="was transformed again in the meantime"):
        execution.load(batch)
    assert ledger_of(warehouse) == [(1, 0, 1, 1, 0, 0)]
