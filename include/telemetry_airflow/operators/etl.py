"""Operators that run the ETL for an interval and record the load, whether it succeeded or failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.sdk import BaseOperator, Context, TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from telemetry.aws.executions import (
    ExecutionStatus,
    describe_execution,
    execution_arn,
    input_of,
    open_reason,
    start_or_attach,
)
from telemetry.config.deployment import Deployment
from telemetry_airflow.intervals import interval_in
from telemetry_airflow.operators.sense import QUIET
from telemetry_airflow.triggers import ExecutionTrigger

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import Load, LoadKind

LOAD_ID: Final = "load_id"
EXECUTION_ARN: Final = "execution_arn"
LONGEST_WAIT: Final = timedelta(hours=12, minutes=15)
"""For an execution: more than the state machine's own limit, its ``TimeoutSeconds``."""


class _LoadOperator(BaseOperator):
    """The base of both tasks: the run's interval and the run's load."""

    def __init__(self, *, stream: str, kind: LoadKind, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stream = stream
        self.kind = kind

    def open_load(self, connection: Any, context: Context) -> Load:
        """This run's load. A retry gets the same one: only clearing the run counts as another attempt."""
        from telemetry.warehouse import ledger

        run = context["dag_run"]
        return ledger.open_load(
            connection,
            stream=self.stream,
            kind=self.kind,
            interval=interval_in(context, self.stream, self.kind),
            dag_id=run.dag_id,
            run_id=run.run_id,
            attempt=run.clear_number or 0,
        )


class EtlOperator(_LoadOperator):
    """Runs the state machine for the run's interval, once: opens a load, starts the execution that the load names or
    attaches to it, and waits in the triggerer.

    A retry, or a run of an interval that is being loaded already, attaches to the same execution and never starts a
    second. Pushes ``load_id`` and ``execution_arn``. Fails without a retry when the execution fails: the state machine
    has retried what can be, and the same name would only find the same failure. Killing the task stops no execution
    (see ``ExecutionTrigger``). It waits for ``LONGEST_WAIT``, which no execution outlasts: a load that goes on is never
    told as failed, nor does the next run start beside it.
    """

    def execute(self, context: Context) -> NoReturn:
        from telemetry.warehouse.connection import connect

        deployment = Deployment.from_environment()
        with connect(deployment.database_secret) as connection:
            load = self.open_load(connection, context)
        context["ti"].xcom_push(LOAD_ID, load.load_id)
        document = input_of(self.stream, self.kind, interval_in(context, self.stream, self.kind))
        arn = start_or_attach(deployment.state_machine_arn, load.execution_name, document)
        context["ti"].xcom_push(EXECUTION_ARN, arn)
        self.log.info("Load %s is the execution %s.", load.load_id, arn)
        self.defer(trigger=ExecutionTrigger(execution_arn=arn), method_name="ended_badly", timeout=LONGEST_WAIT)

    def ended_badly(self, context: Context, event: dict[str, str]) -> NoReturn:
        """Says why the execution did not succeed; the trigger ends the task where it did.

        Raises:
            AirflowFailException: always.
        """
        raise AirflowFailException(str(ExecutionStatus(**event)))


class RecordLoadOperator(_LoadOperator):
    """Sees to it that the run's load is on the record, however it ended, and fails the run whose load failed.

    A load closes itself when its execution ends in an orderly way. What is left to this task: an interval with nothing
    to load (recorded as empty, with the reason), and an execution that never started, ran out of time or was stopped.
    """

    def __init__(self, *, sense: str = "sense", run_etl: str = "run_etl", **arguments: Any) -> None:
        super().__init__(**{"trigger_rule": TriggerRule.ALL_DONE, **arguments})
        self.sense = sense
        self.run_etl = run_etl

    def execute(self, context: Context) -> None:
        """See the class.

        Raises:
            AirflowFailException: the load failed, or its execution runs on although ``run_etl`` gave up.
        """
        from telemetry.warehouse.connection import connect

        with connect(Deployment.from_environment().database_secret) as connection:
            load = self._load(connection, context)
            if load.status == "running":
                load = self._close(connection, context, load)
        self.log.info("Load %s (%s) is %s. %s", load.load_id, load.execution_name, load.status, load.error or "")
        if load.status == "failed":
            raise AirflowFailException(f"Load {load.load_id} failed. {load.error}")

    def _load(self, connection: Any, context: Context) -> Load:
        """The load that ``run_etl`` opened or joined; where it came to nothing, one of this run's own."""
        from telemetry.warehouse import ledger

        load_id = context["ti"].xcom_pull(task_ids=self.run_etl, key=LOAD_ID)
        return ledger.find_load(connection, load_id) if load_id else self.open_load(connection, context)

    def _close(self, connection: Any, context: Context, load: Load) -> Load:
        """Close a load that is not closed, unless it is under way after all or closes itself meanwhile."""
        from telemetry.warehouse import ledger

        quiet = self._quiet(context)
        ours = (load.dag_id, load.run_id) == (context["dag_run"].dag_id, context["dag_run"].run_id)
        if quiet and not ours:
            return load
        return ledger.close_load(
            connection,
            load.load_id,
            status="empty" if quiet else "failed",
            error=quiet or self._why_not_closed(load),
            only_running=True,
        )

    def _quiet(self, context: Context) -> str:
        """Why there was nothing to load; empty where the ETL was to run."""
        ti, run_id = context["ti"], context["dag_run"].run_id
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[self.sense], run_ids=[run_id])
        if states.get(run_id, {}).get(self.sense) != "skipped":
            return ""
        return str(ti.xcom_pull(task_ids=self.sense, key=QUIET) or f"{self.sense} was skipped.")

    def _why_not_closed(self, load: Load) -> str:
        arn = execution_arn(Deployment.from_environment().state_machine_arn, load.execution_name)
        why = open_reason(load.execution_name, describe_execution(arn))
        if why is None:
            raise AirflowFailException(
                f"The execution {load.execution_name} is still running, but {self.run_etl} stopped waiting for it. "
                "It closes its load when it ends. Clear this run to wait for it again."
            )
        return why
