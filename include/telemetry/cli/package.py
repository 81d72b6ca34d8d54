"""Commands for deploying to AWS: package, deploy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.output import note, print_json
from telemetry.packaging.mwaa import AIRFLOW
from telemetry.paths import INCLUDE

DIST = INCLUDE.parent / "dist"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (package, deploy):
        app.command()(command)


def package(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The output folder. A package in it is replaced.")
    ] = DIST,
    airflow: Annotated[
        str, typer.Option("--airflow", metavar="VERSION", help="The Airflow version of the MWAA environment.")
    ] = AIRFLOW,
    python: Annotated[
        str | None, typer.Option("--python", metavar="VERSION", help="The Python version of the functions.")
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Build functions that run on this machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build everything that is deployed to AWS.

    These are the Lambda zips, the MWAA artefacts, and streams.json, which Terraform reads. The result is the same on
    every machine, byte for byte. The default Python version is 3.12, or with --here the one that runs this command.

    A change of a stream's file that would give a column or an id two meanings is refused. The contracts so far are in
    include/contracts.lock.yaml, which this command updates: commit it.
    """
    from telemetry.packaging.contract_record import RECORD
    from telemetry.packaging.layer import AWS, Target
    from telemetry.packaging.package import INDEX, write_package

    target = Target(python or "{}.{}".format(*sys.version_info)) if here else Target(python or AWS.python, AWS.platform)
    index = write_package(output.absolute(), airflow=airflow, target=target, record=RECORD, tell=_tell)
    if as_json:
        print_json(index)
    else:
        print(output / INDEX)


def deploy(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The name of the MWAA environment.")],
    dist: Annotated[
        Path, typer.Option("--from", metavar="FOLDER", help="The output folder of `telemetry package`.")
    ] = DIST,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Upgrade the environment to the package's version of Airflow.")
    ] = False,
) -> None:
    """Deploy the package to an MWAA environment.

    The command waits until the environment uses the package. The package's DAGs replace everything in the
    environment's DAG folder.
    """
    from telemetry.packaging.deploy import deploy

    deploy(environment, dist, _tell, upgrade=upgrade)
    print(f"Deployed {dist} to {environment}.")


def _tell(line: str) -> None:
    note(f"  {line}")
