"""What AWS is to get: packaged, and deployed to MWAA."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.output import notes, print_json
from telemetry.packaging.mwaa import AIRFLOW
from telemetry.paths import INCLUDE

DIST = INCLUDE.parent / "dist"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (package, deploy):
        app.command()(command)


def package(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make, or to make anew.")] = DIST,
    airflow: Annotated[str, typer.Option("--airflow", help="MWAA's version of Airflow.")] = AIRFLOW,
    python: Annotated[str | None, typer.Option("--python", help="The functions' Python: 3.12, unless --here.")] = None,
    here: Annotated[bool, typer.Option("--here", help="For functions on this machine, by its Python.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the Lambda zips and what MWAA takes: the same bytes on every machine, named by their content."""
    from telemetry.packaging.layer import AWS, Target
    from telemetry.packaging.package import INDEX, write_package

    target = Target(python or "{}.{}".format(*sys.version_info)) if here else Target(python or AWS.python, AWS.platform)
    index = write_package(output.absolute(), airflow=airflow, target=target, tell=_tell)
    if as_json:
        print_json(index)
    else:
        print(output / INDEX)


def deploy(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The MWAA environment's name.")],
    dist: Annotated[Path, typer.Option("--from", help="The folder that `telemetry package` made.")] = DIST,
) -> None:
    """Bring a MWAA environment to the package, and wait until it took it.

    Its folder of DAGs is made the package's: DAGs of others go.
    """
    from telemetry.packaging.deploy import deploy

    deploy(environment, dist, _tell)
    print(f"{environment} has what is in {dist}.")


def _tell(line: str) -> None:
    notes.print(f"  {line}", markup=False, soft_wrap=True)
