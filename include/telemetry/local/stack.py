"""The local stack as a whole: up, down, reset, status, and the environment variables of its clients."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import MappingProxyType

from telemetry.config.settings import BUFFER_SECONDS, load_settings
from telemetry.contracts.loader import load_streams
from telemetry.errors import TelemetryError
from telemetry.local.host.ports import LOOPBACK
from telemetry.local.host.state import State
from telemetry.local.provision.deployment import ACCESS_KEY, REGION, LocalDeployment
from telemetry.local.provision.device import Certificates
from telemetry.local.provision.functions import emulator_python
from telemetry.local.provision.provision import provision
from telemetry.local.services.airflow import Airflow
from telemetry.local.services.emulator import Emulator
from telemetry.local.services.postgres import Login, Postgres
from telemetry.packaging.layer import Target, layer_zip
from telemetry.warehouse.migrate import migrate

Progress = Callable[[str], None]

LOCK = "stack.lock"


def up(progress: Progress = lambda _: None) -> dict[str, str]:
    """Start what is not running, provision what is missing, and return the environment when everything is healthy.

    Does nothing if all of it is running. A second ``up``, ``down`` or ``reset`` waits until the first has ended.

    Raises:
        TelemetryError: the settings or a contract are faulty, or a service or the provisioning failed. What has been
            started stays up; the next ``up`` continues from there.
    """
    settings, streams = load_settings(), load_streams()
    with _exclusively(progress) as state, ThreadPoolExecutor() as pool:
        local = LocalDeployment(Emulator(state, REGION).url, settings, streams, progress)
        postgres, emulator, airflow = _services(state, _airflow_environment(local))
        warehouse = pool.submit(_start_warehouse, postgres, airflow, local, progress)
        cloud = pool.submit(_start_cloud, emulator, local, state, postgres.login(), warehouse, progress)
        scheduler = pool.submit(_start_scheduler, airflow, warehouse, cloud, progress)
        _all_or_first_error([warehouse, cloud, scheduler])
        return _environment(state, local)


def down(progress: Progress = lambda _: None) -> None:
    """Stop everything, and return when no process of the stack is left. Stored data are kept."""
    with _exclusively(progress) as state:
        _stop(state, progress)


def reset(progress: Progress = lambda _: None) -> None:
    """Stop everything, and delete all stored data: objects, queues, tables, runs, logs and passwords."""
    with _exclusively(progress) as state:
        _stop(state, progress)
        Postgres(state).remove()
        for name in ("airflow", "certificates", "emulator", "logs", "secrets"):
            shutil.rmtree(state.folder / name, ignore_errors=True)
        for document in state.folder.glob("*.json"):
            document.unlink()
        progress("everything stored is deleted")


def status() -> dict[str, str | None]:
    """Return, for every process, ``None`` if it is healthy, else what is wrong."""
    with ThreadPoolExecutor() as pool:
        reports = pool.map(lambda service: service.health(), _services(State.open()))
        return {process: verdict for report in reports for process, verdict in report.items()}


def environment() -> dict[str, str]:
    """Return the environment variables for clients: AWS, names, PostgreSQL, Airflow and MQTT, with passwords.

    Raises:
        TelemetryError: the stack was never up.
    """
    state = State.open()
    if not state.read("device"):
        raise TelemetryError(f"There is no stack in {state.folder} yet.", "Start one with `telemetry up`.")
    return _environment(state, LocalDeployment(Emulator(state, REGION).url, load_settings(), {}))


def _services(state: State, inside: Mapping[str, str] = MappingProxyType({})) -> tuple[Postgres, Emulator, Airflow]:
    """The services. ``inside`` is the environment of Airflow's processes, needed only to start them."""
    postgres = Postgres(state)
    return postgres, Emulator(state, REGION), Airflow(state, postgres.login("airflow"), inside)


def _cloud_environment(local: LocalDeployment) -> dict[str, str]:
    """What every client needs to find the emulator and the deployment's names."""
    return {
        "AWS_ENDPOINT_URL": local.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "TELEMETRY_RAW_BUCKET": local.deployment.raw_bucket,
        "TELEMETRY_PROCESSED_BUCKET": local.deployment.processed_bucket,
        "TELEMETRY_DATABASE_SECRET": local.deployment.database_secret,
        "TELEMETRY_STATE_MACHINE_ARN": local.deployment.state_machine_arn,
    }


def _airflow_environment(local: LocalDeployment) -> dict[str, str]:
    """DAGs read the settings themselves, with the same override of Firehose's buffering time."""
    return {**_cloud_environment(local), BUFFER_SECONDS: str(local.settings.firehose.buffer_seconds)}


def _environment(state: State, local: LocalDeployment) -> dict[str, str]:
    postgres, emulator, airflow = _services(state)
    files = Certificates.of(state)
    return {
        **_cloud_environment(local),
        **postgres.login().environment(),
        "TELEMETRY_AIRFLOW_URL": airflow.url,
        "TELEMETRY_AIRFLOW_USER": airflow.user,
        "TELEMETRY_AIRFLOW_PASSWORD": airflow.password,
        "TELEMETRY_MQTT_HOST": LOOPBACK,
        "TELEMETRY_MQTT_PORT": str(emulator.mqtt_port),
        "TELEMETRY_MQTT_CA": str(files.authority),
        "TELEMETRY_MQTT_CERTIFICATE": str(files.certificate),
        "TELEMETRY_MQTT_KEY": str(files.key),
    }


def _start_warehouse(postgres: Postgres, airflow: Airflow, local: LocalDeployment, progress: Progress) -> None:
    if postgres.health() == {postgres.name: "not running"}:
        airflow.stop()  # one whose database was killed would die later, in the middle of the start
    progress("PostgreSQL: starting")
    postgres.start()
    connection = postgres.login().connect()
    try:
        migrate(connection, local.streams)
    finally:
        connection.close()
    progress("PostgreSQL: up, tables in order")


def _start_cloud(
    emulator: Emulator,
    local: LocalDeployment,
    state: State,
    warehouse: Login,
    migrated: Future[None],
    progress: Progress,
) -> None:
    """Provision only after the database has accepted the contracts, so that a refused change takes no effect."""
    progress("AWS emulator: starting")
    with ThreadPoolExecutor(max_workers=1) as pool:
        python = emulator_python()
        layer = pool.submit(layer_zip, Target(python))
        emulator.start()
        migrated.result()
        progress("AWS emulator: up, provisioning")
        changes = provision(local, state, warehouse, layer.result, python)
    progress(f"AWS emulator: provisioned, {len(changes)} changes" if changes else "AWS emulator: as it was")


def _start_scheduler(airflow: Airflow, warehouse: Future[None], cloud: Future[None], progress: Progress) -> None:
    """Wait for the warehouse, whose server holds Airflow's metadata; do not start if another part has failed."""
    warehouse.result()
    if cloud.done():
        cloud.result()
    progress("Airflow: starting")
    airflow.start()
    progress("Airflow: up")


def _all_or_first_error(parts: list[Future[None]]) -> None:
    wait(parts)
    for part in parts:
        part.result()


def _stop(state: State, progress: Progress) -> None:
    """Stop Airflow first, because its tasks use the other services."""
    postgres, emulator, airflow = _services(state)
    progress("Airflow: stopping")
    airflow.stop()
    progress("PostgreSQL and AWS emulator: stopping")
    with ThreadPoolExecutor() as pool:
        _all_or_first_error([pool.submit(postgres.stop), pool.submit(emulator.stop)])
    progress("nothing runs")


@contextmanager
def _exclusively(progress: Progress) -> Iterator[State]:
    """Open the state folder, and keep other commands off the stack meanwhile."""
    state = State.open()
    with open(state.path(LOCK), "w", opener=lambda path, flags: os.open(path, flags, mode=0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another command is at work on the stack: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield state
