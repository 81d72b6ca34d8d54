"""Start the AWS emulator: ``<emulator venv>/bin/python launcher.py --port P --mqtt-port M --data FOLDER --region R``.

The command line is the whole configuration; the environment is not read, beyond what a process needs to run at all,
and none of it reaches a Lambda function. The log goes to standard output. What it serves, on 127.0.0.1 alone:

- the AWS APIs, at ``http://127.0.0.1:P`` (S3 path-style), any access key, account 000000000000;
- ``GET /_ministack/ready``: 200 once both ports answer (``/_ministack/health`` answers earlier, before MQTT is up);
- ``GET /_ministack/iot/ca.pem``: the certificate authority that signs device certificates and the MQTT server's own;
- ``GET /_telemetry/unmatched-topics``: the last topics on which messages came that no topic rule takes;
- MQTT 3.1.1 and 5 over TLS with client certificates, at ``localhost:M`` (or 127.0.0.1).

SIGTERM and SIGINT are a clean stop: MQTT closes, Firehose's buffers are delivered, and the whole state is written
below FOLDER, from where the next start takes it up. It ends within 15 seconds with code 0. A kill loses nothing that
was acknowledged, and doubles nothing: resources, S3 objects, queue messages, records that wait in Firehose, metrics.
Messages that were received are visible again, and executions that were running are run again from their beginning.
Only parts of uploads, log events and events on their way to a function are lost.

Exit codes: 0 stopped, 2 wrong arguments, 3 another ministack than the one this was made for, 4 a port is taken, 5 the
data folder cannot be written, 6 it has become impossible to write there.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

NEEDED = "1.5.33"
KEPT_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TZ", "USER")


def main() -> None:
    """Check everything that can be checked beforehand, then serve until told to stop."""
    arguments = _arguments()
    _check_version()
    for port in (arguments.port, arguments.mqtt_port):
        _check_port(port)
    _prepare(arguments.data)
    _set_environment(arguments)
    package = _package()
    importlib.import_module(f"{package}.object_files").complete(arguments.data / "puts")
    importlib.import_module(f"{package}.server").serve(arguments.port, arguments.data, arguments.checkpoint_seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="launcher.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True, help="HTTP port of the AWS APIs, on 127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, required=True, help="port of MQTT over TLS, on 127.0.0.1")
    parser.add_argument(
        "--data", type=lambda text: Path(text).absolute(), required=True, help="folder of everything it stores"
    )
    parser.add_argument("--region", required=True, help="AWS region, such as eu-west-1")
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=60, help="how often all state is written (default: %(default)s)"
    )
    return parser.parse_args()


def _check_version() -> None:
    """The gaps are closed by replacing private names, so any other version is another emulator."""
    try:
        found = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        _refuse(3, f"ministack is not installed, {NEEDED} needed: run make setup")
    if found != NEEDED:
        _refuse(3, f"ministack {found} found, {NEEDED} needed: run make setup")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            _refuse(4, f"port {port} of 127.0.0.1 cannot be used ({error.strerror}): free it or choose another")


def _prepare(data: Path) -> None:
    """The data folder, for its owner's eyes only, with a scratch folder that is empty at every start."""
    os.umask(0o077)
    try:
        shutil.rmtree(data / "scratch", ignore_errors=True)
        (data / "scratch").mkdir(parents=True)
    except OSError as error:
        _refuse(5, f"the data folder {data} cannot be written: {error.strerror}")


def _set_environment(arguments: argparse.Namespace) -> None:
    """ministack reads its settings from the environment as it is imported, and hands it on to every function."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    os.environ.clear()
    os.environ.update(
        kept,
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(arguments.port),
        IOT_MTLS_PORT=str(arguments.mqtt_port),
        MINISTACK_REGION=arguments.region,
        PERSIST_STATE="1",
        PYTHONUNBUFFERED="1",
        S3_DATA_DIR=str(arguments.data / "s3"),
        S3_PERSIST="1",
        SFTP_ENABLED="0",
        STATE_DIR=str(arguments.data / "state"),
        TMPDIR=str(arguments.data / "scratch"),
    )


def _package() -> str:
    """The name of the package these files form.

    Run as a script, this folder becomes a package of its own and leaves the import path, so that no other module of
    the project can be imported, by mistake or by a function.
    """
    if __package__:
        return __package__
    folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    spec = importlib.util.spec_from_file_location(
        "emulator", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is not None and spec.loader is not None:
        package = importlib.util.module_from_spec(spec)
        sys.modules["emulator"] = package
        spec.loader.exec_module(package)
    return "emulator"


def _refuse(code: int, reason: str) -> NoReturn:
    print(reason, file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
