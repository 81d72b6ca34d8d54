"""SIGKILL: executions go on, functions do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emulated import Emulator, until

COUNTED = """
import pathlib, time

def handler(event, context):
    started = pathlib.Path(event["folder"], "started")
    with started.open("a") as lines:
        lines.write("x")
    while not pathlib.Path(event["folder"], "go").exists():
        time.sleep(0.05)
    return {"went": event["name"]}
"""


def run_with_map(function: str) -> dict[str, Any]:
    """A Distributed Map over two items, whose children call ``function``."""
    call = {"Type": "Task", "Resource": function, "End": True}
    children = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "Call", "States": {"Call": call}}
    return {"Map": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": children, "End": True}}


def test_a_running_execution_is_run_again_and_an_ended_one_is_not(own: Emulator, tmp_path: Path) -> None:
    client, function = own.client("stepfunctions"), own.function(COUNTED)
    machine = own.state_machine(run_with_map(function))
    folders = {name: tmp_path / name for name in ("ended", "running", "stopped")}
    arns, given = {}, {}
    for name, folder in folders.items():
        folder.mkdir()
        given[name] = json.dumps({"items": [{"folder": str(folder), "name": f"{name} {n}"} for n in (1, 2)]})
        started = client.start_execution(stateMachineArn=machine, name=name, input=given[name])
        arns[name] = started["executionArn"]
    until(lambda: all(count(folder) == 2 for folder in folders.values()), "all calls")
    (folders["ended"] / "go").touch()

    def ended(name: str) -> dict[str, Any] | None:
        execution: dict[str, Any] = client.describe_execution(executionArn=arns[name])
        return None if execution["status"] == "RUNNING" else execution

    outcome = until(lambda: ended("ended"), "the first to end") or {}
    client.stop_execution(executionArn=arns["stopped"])
    own.restart()
    again = client.describe_execution(executionArn=arns["running"])
    assert (again["status"], again["input"]) == ("RUNNING", given["running"])
    until(lambda: count(folders["running"]) == 4, "the calls to be made again")
    (folders["running"] / "go").touch()
    done = until(lambda: ended("running"), "the second to end") or {}
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", [{"went": "running 1"}, {"went": "running 2"}])
    (run,) = client.list_map_runs(executionArn=arns["running"])["mapRuns"]
    assert client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]["succeeded"] == 2
    kept = client.describe_execution(executionArn=arns["ended"])
    assert {name: kept[name] for name in ("status", "output", "stopDate")} == {
        name: outcome[name] for name in ("status", "output", "stopDate")
    }
    assert client.describe_execution(executionArn=arns["stopped"])["status"] == "ABORTED"
    assert [count(folders[name]) for name in ("ended", "stopped")] == [2, 2]


def count(folder: Path) -> int:
    started = folder / "started"
    return len(started.read_text()) if started.exists() else 0


SLEEPING = """
import os, pathlib, time

def handler(event, context):
    pathlib.Path(event["file"]).write_text(str(os.getpid()))
    time.sleep(300)
"""


def test_a_function_at_work_ends_with_the_emulator(own: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    machine = own.state_machine({"Call": {"Type": "Task", "Resource": own.function(SLEEPING), "End": True}})
    given = json.dumps({"file": str(file)})
    own.client("stepfunctions").start_execution(stateMachineArn=machine, input=given)
    pid = int(until(lambda: file.exists() and file.read_text(), "the call") or 0)
    own.kill()
    until(lambda: not is_alive(pid), "the function to end")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
