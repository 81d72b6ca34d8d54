"""Distributed Map: ItemBatcher, and the context object of a child execution.

ministack ignores ItemBatcher and starts one child execution per item. With ItemBatcher, AWS gives each child execution
the input ``{"BatchInput": …, "Items": [...]}``. Within a child, ``$$.Execution`` is the child's own; values from the
parent's context must be passed in BatchInput.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.services import stepfunctions

from . import patching

PAYLOAD_LIMIT = 256 * 1024
CONSUMED_FIELDS = ("ItemBatcher", "ItemReader", "ItemSelector", "Parameters")


def install() -> None:
    """Batch the items of a Distributed Map that has an ItemBatcher, and give children their own context."""
    for name in ("_read_map_items", "_resolve_path_or_ctx", "_resolve_params_obj", "_ExecutionError"):
        patching.private(stepfunctions, name)
    patching.replace(stepfunctions, "_run_distributed_map", _run_in_batches)
    patching.replace(stepfunctions, "_run_sub_machine", _add_child_context)


def _run_in_batches(run_map: Any) -> Any:
    def run(state: Any, raw: Any, effective: Any, processor: Any, execution: Any, context: Any) -> Any:
        if "ItemBatcher" in state:
            batches = list(_batches(state, effective, context))
            state = {key: value for key, value in state.items() if key not in CONSUMED_FIELDS}
            state["ItemsPath"], effective = "$.batches", {"batches": batches}
        return run_map(state, raw, effective, processor, execution, context)

    return run


def _batches(state: Any, effective: Any, context: Any) -> Iterator[dict[str, Any]]:
    """The inputs of the child executions, each with as many items as both limits allow."""
    batcher = state["ItemBatcher"]
    max_items = _limit(batcher, "MaxItemsPerBatch", effective, context)
    max_bytes = min(_limit(batcher, "MaxInputBytesPerBatch", effective, context) or PAYLOAD_LIMIT, PAYLOAD_LIMIT)
    fixed: dict[str, Any] = {}
    if "BatchInput" in batcher:
        fixed["BatchInput"] = stepfunctions._resolve_params_obj(batcher["BatchInput"], effective, context)
    empty = len(json.dumps({**fixed, "Items": []}))
    batch: list[Any] = []
    size = empty
    for item in _items(state, effective, context):
        item_size = len(json.dumps(item)) + 2
        if empty + item_size > PAYLOAD_LIMIT + 2:
            raise stepfunctions._ExecutionError("States.DataLimitExceeded", "An item is larger than 256 KiB")
        if batch and (len(batch) == max_items or size + item_size > max_bytes):
            yield {**fixed, "Items": batch}
            batch, size = [], empty
        batch.append(item)
        size += item_size
    if batch:
        yield {**fixed, "Items": batch}


def _limit(batcher: Any, field: str, effective: Any, context: Any) -> int | None:
    path = batcher.get(f"{field}Path")
    value = stepfunctions._resolve_path_or_ctx(path, effective, context) if path else batcher.get(field)
    return int(value) if value else None


def _items(state: Any, effective: Any, context: Any) -> Iterator[Any]:
    """The map's items from ItemReader or ItemsPath, with ItemSelector applied."""
    if state.get("ItemReader"):
        items = stepfunctions._read_map_items(state["ItemReader"], effective, context)
    else:
        items = stepfunctions._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, context)
    selector = state.get("ItemSelector") or state.get("Parameters")
    for index, value in enumerate(items if isinstance(items, list) else [items]):
        if selector:
            of_item = {**context, "Map": {"Item": {"Index": index, "Value": value}}}
            value = stepfunctions._resolve_params_obj(selector, effective, of_item)
        yield value


def _add_child_context(run_states: Any) -> Any:
    def run(states: Any, start: Any, given: Any, execution: Any, context: Any) -> Any:
        if execution.get("mapRunArn"):
            context["Execution"] = {
                "Id": execution["executionArn"],
                "Name": execution["name"],
                "Input": json.loads(execution["input"]),
                "StartTime": execution["startDate"],
            }
        return run_states(states, start, given, execution, context)

    return run
