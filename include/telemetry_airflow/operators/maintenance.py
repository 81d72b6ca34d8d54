"""The tasks of the DAG ``maintenance``. Each may be repeated, or run twice concurrently."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator, Context

from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import read_streams
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.aws.executions import ExecutionStatus
    from telemetry.warehouse.ledger import Load


class MigrateOperator(BaseOperator):
    """Brings the warehouse up to the migrations and the contracts. Returns what was done, which is nothing mostly."""

    def execute(self, context: Context) -> list[str]:
        """See the class.

        Raises:
            TelemetryError: an applied migration has changed since, or a field's type is not its column's.
        """
        from telemetry.warehouse.connection import connect
        from telemetry.warehouse.migrate import migrate

        with connect(Deployment.from_environment().database_secret, application_name="maintenance") as connection:
            done = migrate(connection, read_streams().streams)
        for change in done:
            self.log.info("%s", change)
        return done


class PartitionsAheadOperator(BaseOperator):
    """Makes the partitions of the months ahead, and moves months of history out of the default ones.

    Returns the names of those that were made.
    """

    def execute(self, context: Context) -> list[str]:
        """See the class.

        Raises:
            TelemetryError: a stream's table is missing, or was in use all the time; the other streams are done.
        """
        from telemetry.warehouse.connection import connect
        from telemetry.warehouse.table_partitions import ensure_partitions

        settings, made, failures = load_settings().maintenance, [], []
        with connect(Deployment.from_environment().database_secret, application_name="maintenance") as connection:
            for stream in read_streams().streams.values():
                try:
                    partitions = ensure_partitions(
                        connection,
                        stream.table,
                        months_ahead=settings.months_ahead,
                        own_rows=settings.own_partition_rows,
                    )
                except TelemetryError as error:
                    self.log.error("Stream %s: %s", stream.stream, error)
                    failures.append(error)
                    continue
                for partition in partitions:
                    self.log.info("Partition %s was made, %s readings were moved into it.", *partition)
                    made.append(partition.name)
        if failures:
            raise failures[0]
        return made


class RetentionOperator(BaseOperator):
    """Takes away what is older than the settings say. Returns how many rows of what."""

    def execute(self, context: Context) -> dict[str, int]:
        from telemetry.warehouse.connection import connect
        from telemetry.warehouse.retention import apply_retention

        with connect(Deployment.from_environment().database_secret, application_name="maintenance") as connection:
            removed = asdict(apply_retention(connection, read_streams(), load_settings()))
        self.log.info("Taken away: %s", removed)
        return removed


class AbandonedLoadsOperator(BaseOperator):
    """Closes as failed the loads that have been open for long and whose executions do not run. Returns their names."""

    def execute(self, context: Context) -> list[str]:
        from telemetry.aws.executions import describe_execution, execution_arn
        from telemetry.warehouse.abandoned import close_abandoned
        from telemetry.warehouse.connection import connect

        deployment = Deployment.from_environment()
        began_before = datetime.now(UTC) - timedelta(minutes=load_settings().maintenance.abandoned_after_minutes)

        def look(load: Load) -> ExecutionStatus | None:
            return describe_execution(
                load.execution_arn or execution_arn(deployment.state_machine_arn, load.execution_name)
            )

        with connect(deployment.database_secret, application_name="maintenance") as connection:
            closed = close_abandoned(connection, look, began_before)
        for load in closed:
            self.log.warning("Load %s was closed as failed. %s", load.load_id, load.error)
        return [load.execution_name for load in closed]
