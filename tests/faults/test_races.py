"""Two at once: executions, backfills, drains, loaders of one object; loads that are joined, or closed too soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulated import until
from faults.cases import Case, fault
from faults.harness.law import saw
from faults.harness.messages import DAY, HOUR_START, INTERVAL, corrupt, readings, some
from faults.harness.steps import at_end, commit, statement, stop_at
from faults.harness.worker import Worker
from faults.harness.world import World, all_at_once
from telemetry.aws.executions import describe_execution, start_or_attach
from telemetry.interval import Interval

CLAIM = "INSERT INTO load_objects "
WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'DataLoading' AND wait_event_type = 'Lock'"


@fault(
    "two-executions-of-one-partition",
    done="two executions of the same hour run at once, under two names",
    promised="every object is loaded by one of them, whichever comes first",
)
def test_two_executions_of_one_partition(world: World, case: Case) -> None:
    for start in (0, 1000, 30):
        world.record(some(start), HOUR_START)
    executions = [world.by_hand("hourly", INTERVAL, f"by-hand-{which}") for which in "ab"]
    assert all_at_once(*executions) == ["SUCCEEDED", "SUCCEEDED"]
    saw(world, case, f"objects by load: {world.rows('SELECT objects FROM loads ORDER BY 1')}")


@fault(
    "two-backfills-of-the-same-days",
    done="two backfills load the same three days at once, under names of their own",
    promised="every object is loaded once, every load is on the record",
)
def test_two_backfills_of_the_same_days(world: World, case: Case) -> None:
    days = [HOUR_START + timedelta(days=number) for number in range(3)]
    for number, day in enumerate(days):
        world.record(some(100 * number, day), day)
    executions = [
        world.by_hand("daily", Interval.day(day.date()), f"backfill-{which}-{day:%d}") for day in days for which in "ab"
    ]
    assert all_at_once(*executions) == ["SUCCEEDED"] * 6
    assert world.rows("SELECT count(*) FROM loads WHERE status IN ('succeeded', 'empty')") == [(6,)]
    saw(world, case, "six loads on the record")


@fault(
    "hour-and-day-at-once",
    done="the hourly and the daily load of the same objects run at once",
    promised="every object is loaded once",
)
def test_the_hour_and_the_day_at_once(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    world.record(some(1000), HOUR_START)
    executions = [world.by_hand("hourly", INTERVAL, "the-hour"), world.by_hand("daily", DAY, "the-day")]
    assert all_at_once(*executions) == ["SUCCEEDED", "SUCCEEDED"]
    saw(world, case, "both succeeded")


@fault(
    "two-drains-at-once",
    done="two executions drain the same queue at once",
    promised="every message is drained once, and loaded by either",
)
def test_two_drains_at_once(world: World, case: Case) -> None:
    world.publish([*readings(range(90)), corrupt(0)])
    now = Interval.hour(datetime.now(UTC))
    executions = [world.by_hand("queue", now, f"drain-{which}") for which in "ab"]
    assert all_at_once(*executions) == ["SUCCEEDED", "SUCCEEDED"]
    world.settle()
    saw(world, case, "both succeeded")


@pytest.mark.parametrize(
    "first_dies",
    [
        pytest.param(False, marks=fault("loader-overtaken", done="a loader is frozen with an object claimed, while "
                     "another execution wants the same object", promised="the other waits, and finds it loaded")),
        pytest.param(True, marks=fault("loader-dead-with-claim", done="a loader is frozen with an object claimed, and "
                     "dies while another execution waits for it", promised="the other loads it at once")),
    ],
)  # fmt: skip
def test_a_claimed_object_is_wanted(world: World, case: Case, first_dies: bool) -> None:
    world.record(some(), HOUR_START)
    other_ended: list[str] = []
    other = world.by_hand("daily", DAY, "the-other")

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        other[0].meanwhile = {"LoadData": lambda _: release(worker)}
        other_ended.append(other[0].run(other[1]).status)

    def release(worker: Worker) -> None:
        until(lambda: world.rows(WAITING), "the other loader to wait")
        if first_dies:
            worker.kill()
        worker.go_on()

    stopped = [[stop_at(statement(CLAIM, "after"))]]
    ending = world.run("hourly", INTERVAL, plan={"LoadData": stopped}, meanwhile={"LoadData": meanwhile})
    assert (ending.status, other_ended) == ("SUCCEEDED", ["SUCCEEDED"])
    saw(world, case, f"objects by load: {world.rows('SELECT objects FROM loads ORDER BY load_id')}")


@fault(
    "load-joined-while-running",
    done="another DAG run of the same hour opens its load while the first one's runs",
    promised="it joins the same execution, and nothing runs twice",
)
def test_a_load_is_joined_while_it_runs(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    joined: list[str] = []

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        joined.append(world.open("hourly", INTERVAL, "the-second").execution_name)
        worker.go_on()

    stopped = [[stop_at(commit("after"))]]
    world.run("hourly", INTERVAL, run_id="the-first", plan={"LoadData": stopped}, meanwhile={"LoadData": meanwhile})
    assert joined == [world.machines[0].name]
    assert world.rows("SELECT run_id, status FROM loads") == [("the-first", "succeeded")]
    saw(world, case, "one load, one execution")


@fault(
    "load-closed-while-it-commits",
    done="a load is closed as abandoned while its loader is frozen before COMMIT; then the loader goes on",
    promised="the closed load's sums are still those of its objects",
)
def test_a_load_is_closed_while_a_loader_still_commits(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    load = world.open("hourly", INTERVAL, "abandoned")

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        closed = world.close(load)
        assert (closed.status, closed.objects) == ("failed", 0)
        worker.go_on()

    stopped = [[stop_at(statement("COPY quarantine", "after"))]]
    world.run("hourly", INTERVAL, run_id="abandoned", plan={"LoadData": stopped}, meanwhile={"LoadData": meanwhile})
    assert world.rows("SELECT objects, rows_read, loaded, quarantined FROM loads") == [(1, 61, 60, 1)]
    saw(world, case, "closed with 0 objects, then 1")


@fault(
    "manifest-grows",
    done="ExtractData dies after its manifest is written; an object arrives; the retry writes the manifest anew",
    promised="the load takes both objects, and no object stays behind",
)
def test_a_manifest_is_written_again_with_more_objects(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        world.record(some(1000), HOUR_START)
        worker.kill()

    ending = world.run(
        "hourly", INTERVAL, plan={"ExtractData": [[stop_at(at_end())]]}, meanwhile={"ExtractData": meanwhile}
    )
    assert ending.status == "SUCCEEDED"
    assert ending.output["objects"] == 2
    saw(world, case, "two objects by one load")


# Step Functions' names


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        pytest.param(how, seconds, marks=fault(f"execution-name-{id}",
                     done=f"an execution's name is used again: {done}", promised="the one that exists is attached to"))
        for id, done, how, seconds in [
            ("same-input-running", "the same input, while it runs", "same", 3600),
            ("same-input-ended", "the same input, after it ended", "same", 0),
            ("other-input-running", "another input, while it runs", "other", 3600),
            ("other-input-ended", "another input, after it ended", "other", 0),
        ]
    ],
)  # fmt: skip
def test_an_execution_name_is_reused(world: World, case: Case, how: str, seconds: int) -> None:
    machine = world.cloud.state_machine({"Wait": {"Type": "Wait", "Seconds": seconds, "End": True}})
    name, given = "telemetry-hourly-g0", {"stream": "telemetry"}
    arn = start_or_attach(machine, name, given)
    if not seconds:
        until(lambda: (found := describe_execution(arn)) and found.status == "SUCCEEDED", "the execution to end")
    again = start_or_attach(machine, name, given if how == "same" else {"stream": "another"})
    step_functions = world.local.client("stepfunctions")
    found = step_functions.list_executions(stateMachineArn=machine)["executions"]
    assert (again, [one["executionArn"] for one in found]) == (arn, [arn])
    if seconds:
        step_functions.stop_execution(executionArn=arn)
    case.saw(f"one execution, {found[0]['status'].lower()}")
