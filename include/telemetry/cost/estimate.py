"""A month's bill, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from telemetry.aws.queues import BATCH_MESSAGES, IDLE_RECEIVES
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.cost.fleet import SQS_STEP_BYTES, STEP_BYTES, Fleet, Traffic, steps, traffic
from telemetry.cost.rates import Rates, load_rates
from telemetry.cost.usage import Composition, CompositionName, Usage, load_usage
from telemetry.devices.simulate import device_id
from telemetry.etl.drain import CALLS_AT_ONCE
from telemetry.interval import HOUR, Interval, Lane
from telemetry.paths import STATE_MACHINE

GB = 2**30
DAYS_A_MONTH = 365 / 12


class Line(NamedTuple):
    """One line of the bill: a quantity of some unit, and its price in US dollars."""

    service: str
    item: str
    quantity: float
    unit: str
    usd: float


class Loads(NamedTuple):
    """The executions of the ETL in a month, the objects that they load, and the batches of their map."""

    number: float
    objects: float
    batches: float


@dataclass(frozen=True)
class Estimate:
    """What a month of ``fleet`` costs in a composition."""

    fleet: Fleet
    composition: CompositionName
    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        return sum(line.usd for line in self.lines)

    def of(self, service: str) -> float:
        """The cost of one service in US dollars."""
        return sum(line.usd for line in self.lines if line.service == service)

    def services(self) -> dict[str, float]:
        """The cost of each service in US dollars, without those that cost nothing."""
        names = dict.fromkeys(line.service for line in self.lines if line.usd)
        return {name: self.of(name) for name in names}


class Estimator:
    """Estimates the costs of a composition from rates, usage and settings. One stream carries all messages."""

    def __init__(self, composition: CompositionName) -> None:
        self.rates: Rates = load_rates()
        self.usage: Usage = load_usage()
        self._settings: Settings = load_settings(environment={})
        streams = load_streams()
        self._streams = len(streams)
        self._queue_runs = {name: self._count_queue_runs(stream) for name, stream in streams.items()}
        # IoT Core meters a message with its topic.
        self.topic: str = streams[self._settings.simulator.stream].topic_of(device_id(1))
        self._name = composition
        self._built: Composition = self.usage.compositions[composition]
        machine = json.loads(STATE_MACHINE.read_text())
        batches = machine["States"]["LoadObjects"]
        self._batch_objects: int = batches["ItemBatcher"]["MaxItemsPerBatch"]
        self._load_transitions = successful_transitions(machine)
        self._batch_transitions = successful_transitions(batches["ItemProcessor"])

    def estimate(self, fleet: Fleet) -> Estimate:
        """Estimate a month's costs, ordered by service."""
        month = traffic(fleet, self.usage.month_hours, self.topic)
        loads = self._loads(month)
        parts = (
            self._iot_core(month),
            self._firehose(month),
            self._s3(month, loads),
            self._sqs(month),
            self._functions(month, loads),
            self._database(month),
            self._airflow(),
            self._network(month),
            self._observation(loads),
            self._keys(loads),
            self._notebook(),
        )
        return Estimate(fleet, self._name, tuple(line for part in parts for line in part))

    def _line(self, service: str, item: str, rate: str, quantity: float, times: float = 1) -> Line:
        """``times``: how many times the rate is paid, such as once for each zone."""
        found = self.rates.rates[rate]
        return Line(service, item, quantity, found.unit, found.cost(quantity) * times)

    # Costs that grow with the messages

    def _iot_core(self, month: Traffic) -> Iterator[Line]:
        minutes = month.devices * self.usage.month_hours * 60 * self.usage.connected
        messages, records = month.messages * month.message_steps, month.messages * month.record_steps
        yield self._line("IoT Core", "connections", "iot_connection", minutes)
        yield self._line("IoT Core", "messages", "iot_message", messages)
        yield self._line("IoT Core", "topic rule", "iot_rule", messages)
        yield self._line("IoT Core", "actions, to Firehose and to SQS", "iot_action", len(Lane) * records)

    def _firehose(self, month: Traffic) -> Iterator[Line]:
        yield self._line("Firehose", "records, in steps of 5 KB", "firehose_ingest", billed_gb(month))

    def _s3(self, month: Traffic, loads: Loads) -> Iterator[Line]:
        raw = len(Lane) * month.messages * month.record_bytes * self.usage.gzip_ratio
        processed = len(Lane) * month.readings * self.usage.parquet_reading_bytes
        lists = loads.number * (self._settings.schedules.look_back_hours + 2)
        stored = (raw + processed) / GB * self.usage.stored_months
        yield self._line("S3", "storage", "s3_storage", stored)
        yield self._line("S3", "writes and lists", "s3_write", 2 * loads.objects + loads.number + lists)
        yield self._line("S3", "reads", "s3_read", 2 * loads.objects + 2 * loads.number)

    def _sqs(self, month: Traffic) -> Iterator[Line]:
        sent = month.messages * steps(month.record_bytes, SQS_STEP_BYTES)
        calls = month.messages / BATCH_MESSAGES
        received = calls * steps(BATCH_MESSAGES * month.record_bytes, SQS_STEP_BYTES)
        idle = self._drains(month) * CALLS_AT_ONCE * IDLE_RECEIVES
        polls = sum(self._queue_runs.values())
        yield self._line("SQS", "sent by the topic rule", "sqs_request", sent)
        yield self._line("SQS", "received and deleted", "sqs_request", received + calls + idle + polls)

    def _functions(self, month: Traffic, loads: Loads) -> Iterator[Line]:
        sizes, speed = self._settings.functions, self.usage.functions
        rows = len(Lane) * month.readings
        days = DAYS_A_MONTH * self._streams
        work = loads.batches * speed.start + loads.objects * speed.object
        seconds = {
            sizes.data_extraction: loads.number * speed.start + month.messages / speed.drained_messages_per_second,
            sizes.data_transformation: work + rows / speed.transformed_rows_per_second,
            sizes.data_loading: work + rows / speed.loaded_rows_per_second,
            sizes.load_recording: loads.number * speed.start,
            sizes.data_quality: days * speed.daily_check,
        }
        gb_seconds = sum(time * function.memory_megabytes / 1024 for function, time in seconds.items())
        yield self._line("Lambda", "calls", "lambda_request", self._function_calls(loads))
        yield self._line("Lambda", "duration", "lambda_duration", gb_seconds)
        transitions = self._load_transitions * loads.number + self._batch_transitions * loads.batches
        yield self._line("Step Functions", "transitions", "step_functions_transition", transitions)

    # Costs that are there without messages, too

    def _database(self, month: Traffic) -> Iterator[Line]:
        database, stored = self._built.database, month.readings * self.usage.stored_months
        storage = max(database.storage_gb, stored * self.usage.database_reading_bytes / GB)
        zones = 2 if database.multi_az else 1
        instance = f"rds_{database.instance_class}"
        yield self._line("RDS", database.instance_class, instance, self.usage.month_hours, zones)
        yield self._line("RDS", "storage", "rds_storage", storage, zones)

    def _airflow(self) -> Iterator[Line]:
        if self._built.airflow:
            hours, rate = self.usage.month_hours, f"mwaa_{self._built.airflow}"
            yield self._line("MWAA", self._built.airflow, rate, hours)
            yield self._line("MWAA", "metadata", "mwaa_storage", self.usage.airflow_metadata_gb)

    def _network(self, month: Traffic) -> Iterator[Line]:
        hours, built = self.usage.month_hours, self._built
        endpoints = self.usage.interface_endpoints[built.endpoints] * built.endpoint_zones
        yield self._line("VPC", "interface endpoints", "interface_endpoint", hours * endpoints)
        drained = month.messages * month.record_bytes / GB
        yield self._line("VPC", "through endpoints", "interface_endpoint_data", drained)
        if built.nat_gateways:
            yield self._line("VPC", "NAT gateways", "nat_gateway", hours, built.nat_gateways)
            yield self._line("VPC", "NAT gateways' addresses", "public_address", hours, built.nat_gateways)
            yield self._line("VPC", "through NAT gateways", "nat_data", self.usage.nat_gb)

    def _observation(self, loads: Loads) -> Iterator[Line]:
        each = [len(Lane) if alarm.each == "lane" else 1 for alarm in self._settings.alarms.values()]
        functions, added = len(type(self._settings.functions).model_fields), self.usage.alarms
        alarms = self._streams * (sum(each) + added.stream)
        alarms += functions * added.function + added.state_machine + added.database
        alarms += added.airflow if self._built.airflow else 0
        logs = self._function_calls(loads) * self.usage.log_line_bytes / GB + self.usage.other_logs_gb
        yield self._line("CloudWatch", "alarms", "cloudwatch_alarm", alarms)
        yield self._line("CloudWatch", "metrics of closed days", "cloudwatch_metric", self._streams * (len(Lane) + 1))
        yield self._line("CloudWatch", "dashboard", "cloudwatch_dashboard", 1)
        yield self._line("CloudWatch", "logs", "cloudwatch_logs", logs)
        yield self._line("CloudWatch", "stored logs", "cloudwatch_log_storage", logs * self.usage.stored_months)

    def _keys(self, loads: Loads) -> Iterator[Line]:
        calls = self._function_calls(loads)
        yield self._line("KMS", "key", "kms_key", 1)
        yield self._line("KMS", "requests", "kms_request", calls + 2 * loads.objects)
        yield self._line("Secrets Manager", "the database's secret", "secret", 1)
        yield self._line("Secrets Manager", "requests", "secret_request", calls)

    def _notebook(self) -> Iterator[Line]:
        if self._built.notebook:
            hours, rate = self.usage.month_hours, f"sagemaker_{self._built.notebook}"
            yield self._line("SageMaker", self._built.notebook, rate, hours)
            yield self._line("SageMaker", "storage", "sagemaker_storage", self.usage.notebook_gb)

    # How often the ETL runs

    def _count_queue_runs(self, stream: Stream) -> float:
        """Runs of a stream's queue DAG in a month; its schedule is assumed to be regular."""
        tick = Interval.tick(self._settings.for_stream(stream).schedules.queue, datetime(2026, 1, 1, tzinfo=UTC))
        return self.usage.month_hours * HOUR / (tick.end - tick.start)

    def _drains(self, month: Traffic) -> float:
        """Runs of a queue DAG in a month that find messages."""
        return min(month.messages, self._queue_runs[self._settings.simulator.stream])

    def _loads(self, month: Traffic) -> Loads:
        """Each hour and each day is loaded once, the queue at every run that finds messages in it."""
        hours, drains = min(month.messages, self.usage.month_hours), self._drains(month)
        firehose, extract = self._settings.firehose, self._settings.extract
        by_time = self.usage.month_hours * 3600 / max(firehose.buffer_seconds, 1)
        by_size = month.messages * month.record_bytes / (firehose.buffer_megabytes * 2**20)
        lake = min(month.messages, max(by_time, by_size))
        queue = max(drains, month.messages / extract.queue_object_messages)
        batches = max(hours, lake / self._batch_objects) + max(drains, queue / self._batch_objects)
        return Loads(hours + DAYS_A_MONTH + drains, lake + queue, batches)

    def _function_calls(self, loads: Loads) -> float:
        return 2 * loads.number + 2 * loads.batches + DAYS_A_MONTH * self._streams


def successful_transitions(machine: Mapping[str, Any]) -> int:
    """Count the state transitions of an execution without failures in which each Choice takes its first branch.

    ``machine`` is a state machine, or the ``ItemProcessor`` of a Map (Amazon States Language).
    """
    states, name, transitions = machine["States"], machine["StartAt"], 0
    while name:
        state, transitions = states[name], transitions + 1
        name = state["Choices"][0]["Next"] if state["Type"] == "Choice" else state.get("Next")
    return transitions


def billed_gb(month: Traffic) -> float:
    """The GB that Firehose bills: every record is rounded up to steps of 5 KB."""
    return month.messages * month.record_steps * STEP_BYTES / GB


def sent_gb(month: Traffic) -> float:
    """The GB that Firehose receives."""
    return month.messages * month.record_bytes / GB
