"""The world of one case: the real names, rules, queues and buckets, of its own, on a real emulator and PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

import etl
from emulated import REGION, Emulator, unique, until
from faults.harness.machine import ExecutionStatus, Faults, Machine, Meanwhile, Plan
from faults.harness.messages import Message
from faults.harness.worker import end_all, warm_up
from telemetry.accounting.status import StreamAccount, account
from telemetry.aws.clients import client
from telemetry.aws.metrics import Flow, flows
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.interval import Interval
from telemetry.lake.history import write_history
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.local.provision.ingest import provision_delivery_streams, provision_rules
from telemetry.local.provision.lake import provision_buckets, provision_secret
from telemetry.local.provision.queues import provision_queues
from telemetry.local.services.postgres import Login
from telemetry.paths import SETTINGS
from telemetry.warehouse import ledger
from telemetry.warehouse.ledger import Load

LoadKind = Literal["hourly", "daily", "queue"]
Prepared = tuple[Machine, dict[str, Any]]
"""An execution that is yet to run, and its input."""


@dataclass
class World:
    """One deployment, and everything that was sent into it."""

    cloud: Emulator
    local: LocalDeployment
    login: Login
    stream: Stream
    published: list[Message] = field(default_factory=list)
    recorded: list[Message] = field(default_factory=list)
    endings: dict[str, ExecutionStatus] = field(default_factory=dict)
    machines: list[Machine] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)

    # Messages

    def publish(self, messages: Iterable[Message]) -> None:
        """To the topic: its rule hands every message to both lanes."""
        broker = self.local.client("iot-data")
        for number, message in enumerate(messages):
            self.published.append(message)
            broker.publish(topic=self.stream.topic_of(f"device-{number % 7}"), qos=1, payload=message.payload)

    def record(self, messages: Iterable[Message], hour: datetime) -> None:
        """History into the lake, as if it had arrived in that hour."""
        found = list(messages)
        written = write_history(
            etl.s3(), etl.raw_bucket(), self.stream.stream, [(hour, message.payload) for message in found]
        )
        self.recorded += found[: written.written]

    def flow(self) -> Flow:
        return flows(client("cloudwatch"), self.local.settings.names, [self.stream.stream], datetime.now(UTC))[
            self.stream.stream
        ]

    def arrive(self) -> None:
        """Wait until Firehose has delivered all that it has taken."""
        until(lambda: (flow := self.flow()).delivered == flow.taken, "Firehose to deliver")

    @property
    def queue(self) -> str:
        name = self.local.settings.names.queue(self.stream.stream)
        return str(etl.sqs().get_queue_url(QueueName=name)["QueueUrl"])

    def waiting(self) -> tuple[int, int]:
        """Messages in the queue: those to be received, and those received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = etl.sqs().get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def come_back(self) -> None:
        """Wait until what a dead drain had received can be received again."""
        until(lambda: self.waiting()[1] == 0, "the messages to come back")

    # Loads

    def run(
        self,
        kind: LoadKind,
        interval: Interval | None = None,
        *,
        run_id: str = "",
        plan: Plan | None = None,
        always: dict[str, Faults] | None = None,
        meanwhile: dict[str, Meanwhile] | None = None,
    ) -> ExecutionStatus:
        """A DAG run's two tasks: the load is opened or joined, its execution played, and what is left open closed."""
        load = self.open(kind, interval, run_id)
        if load.execution_name not in self.endings:  # Step Functions starts a name once
            machine = self.machine(load, plan, always, meanwhile)
            self.endings[load.execution_name] = machine.run(self.document(load))
        self.close(load)
        return self.endings[load.execution_name]

    @property
    def everywhere(self) -> list[str]:
        """The states that are functions."""
        return ["ExtractData", "TransformData", "LoadData", "Summarise", "RecordFailure"]

    def open(self, kind: LoadKind, interval: Interval | None = None, run_id: str = "") -> Load:
        with closing(self.login.connect()) as connection:
            return ledger.open_load(
                connection,
                stream=self.stream.stream,
                kind=kind,
                interval=interval or Interval.hour(datetime.now(UTC)),
                dag_id=f"{self.stream.stream}_{kind}",
                run_id=run_id or unique("run"),
                attempt=0,
            )

    def machine(
        self,
        load: Load,
        plan: Plan | None = None,
        always: dict[str, Faults] | None = None,
        meanwhile: dict[str, Meanwhile] | None = None,
    ) -> Machine:
        """An execution that is yet to run."""
        arn = self.local.deployment.state_machine_arn.replace(":stateMachine:", ":execution:")
        made = Machine(load.execution_name, f"{arn}:{load.execution_name}", plan or {}, always or {}, meanwhile or {})
        self.machines.append(made)
        return made

    def by_hand(self, kind: LoadKind, interval: Interval, name: str) -> Prepared:
        """An execution that somebody starts by hand under a name of its own, so that no load is joined."""
        with closing(self.login.connect()) as connection:
            load = ledger.ensure_load(
                connection,
                stream=self.stream.stream,
                kind=kind,
                interval=interval,
                execution_name=name,
                execution_arn=name,
            )
        return self.machine(load), self.document(load)

    def document(self, load: Load) -> dict[str, Any]:
        """An execution's input."""
        start, end = load.interval_start.isoformat(), load.interval_end.isoformat()
        return {"stream": load.stream, "kind": load.kind, "start": start, "end": end}

    def close(self, load: Load) -> Load:
        """As RecordLoadOperator does: a load that its execution did not close is closed as failed."""
        with closing(self.login.connect()) as connection:
            found = ledger.find_load(connection, load.load_id)
            if found.status != "running":
                return found
            return ledger.close_load(connection, load.load_id, status="failed", error="its execution did not close it")

    def settle(self, *days: date) -> None:
        """All lanes run to their end, without any fault: Firehose, the hour, the queue until it is empty, the days."""
        self.arrive()
        assert self.run("hourly").status == "SUCCEEDED"  # it looks back, should the hour have changed meanwhile
        while True:
            self.come_back()
            assert self.run("queue").status == "SUCCEEDED"
            if self.waiting() == (0, 0):
                break
        for day in days:
            assert self.run("daily", Interval.day(day)).status == "SUCCEEDED"

    # What is seen

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query gives, over a connection of its own."""
        with closing(self.login.connect()) as connection:
            return etl.rows(connection, query, *values)

    def execute(self, statements: str) -> None:
        with closing(self.login.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statements)

    def account(self) -> StreamAccount:
        with closing(self.login.connect()) as connection:
            found = account([self.stream], connection, self.local.deployment, self.local.settings)
            return found[self.stream.stream]

    def keys(self, prefix: str) -> list[str]:
        return self.cloud.keys(etl.raw_bucket(), prefix)


def all_at_once(*executions: Prepared) -> list[str]:
    """Run them in threads that start together; how they ended."""
    endings: dict[int, str] = {}

    def run(which: int) -> None:
        machine, document = executions[which]
        endings[which] = machine.run(document).status

    assert etl.at_once(len(executions), run) == []
    return [endings[which] for which in range(len(executions))]


@contextmanager
def new_world(cloud: Emulator, login: Login, folder: Path, **changes: dict[str, Any]) -> Iterator[World]:
    """A deployment of its own, by another prefix of its names; ``changes`` are settings, part by part."""
    defaults: dict[str, dict[str, Any]] = {
        "names": {"prefix": unique("f")},
        "firehose": {"buffer_seconds": 0},
        "queue": {"visibility_timeout_seconds": 1, "max_receive_count": 1000},
        "extract": {"queue_object_messages": 40},
    }
    document = yaml.safe_load(SETTINGS.read_text())
    for given in (defaults, changes):
        for part, values in given.items():
            document[part] |= values
    path = folder / f"{document['names']['prefix']}.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.MonkeyPatch.context() as patch:
        assert load_settings.__defaults__ == (SETTINGS, os.environ)
        patch.setattr(load_settings, "__defaults__", (path, os.environ))
        local = LocalDeployment(cloud.url, load_settings(), {"telemetry": load_streams()["telemetry"]})
        for name, value in _environment(cloud, local).items():
            patch.setenv(name, value)
        patch.delenv("TELEMETRY_FIREHOSE_BUFFER_SECONDS", raising=False)
        for provision in (provision_buckets, provision_queues, provision_delivery_streams, provision_rules):
            provision(local)
        provision_secret(local, login)
        _empty(login)
        warm_up()
        try:
            yield World(cloud, local, login, local.streams["telemetry"])
        finally:
            end_all()
            local.client("iot").delete_topic_rule(ruleName=local.settings.names.topic_rule("telemetry"))


def _environment(cloud: Emulator, local: LocalDeployment) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TELEMETRY_RAW_BUCKET": local.deployment.raw_bucket,
        "TELEMETRY_PROCESSED_BUCKET": local.deployment.processed_bucket,
        "TELEMETRY_DATABASE_SECRET": local.deployment.database_secret,
        "TELEMETRY_STATE_MACHINE_ARN": local.deployment.state_machine_arn,
    }


def _empty(login: Login) -> None:
    """No row is left of the case before, in a database that is up to the contracts."""
    with closing(login.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables "
                       "WHERE schemaname = 'public' AND tablename <> 'schema_migrations'")  # fmt: skip
        cursor.execute(f"TRUNCATE {cursor.fetchall()[0][0]}")
