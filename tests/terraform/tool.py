"""Terraform as the tests run it: on a copy of ``terraform/``, with nothing of the machine's own AWS account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emulated import PROJECT
from telemetry.packaging.archive import json_file
from telemetry.packaging.streams import STREAMS_FILE, streams_document

PROVIDER = Path("registry.terraform.io/hashicorp/aws")
REGISTRY = "https://registry.terraform.io/.well-known/terraform.json"
REGISTRY_SECONDS = 3
DOWNLOADS = PROJECT / "build" / "terraform-plugins"
SHOWN = 3000
"""Characters of the output of a command that failed: plans are long."""
NOT_COPIED = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__", "*.egg-info")
NO_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class TerraformMissingError(Exception):
    """Terraform cannot be run here. The message says what is missing, and how to get it."""


@dataclass(frozen=True)
class Terraform:
    """A working copy: ``terraform`` and ``include`` side by side in ``folder``."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def copy(cls, folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Terraform:
        """Copy the project's files to ``folder``; what is to be added is added before it is initialised.

        Raises:
            TerraformMissingError: there is no terraform.
        """
        executable()
        for part in ("terraform", "include"):
            shutil.copytree(PROJECT / part, folder / part, ignore=NOT_COPIED)
        copy = cls(folder, environment)
        copy.check_streams(copy.root / "tests" / "artefacts")
        return copy

    def check_streams(self, artefacts: Path) -> None:
        """Write what ``telemetry package`` would make of the copy's own settings and streams."""
        (artefacts / STREAMS_FILE).write_bytes(json_file(streams_document(self.folder / "include")))

    @property
    def root(self) -> Path:
        """The root module."""
        return self.folder / "terraform"

    def initialise(self) -> None:
        """Take the provider from a mirror on this machine, or from the registry.

        Raises:
            TerraformMissingError: there is no mirror, and no way to the registry.
        """
        mirror = provider_mirror(os.environ)
        if mirror:
            self.must("init", f"-plugin-dir={mirror}")
            return
        demand_registry()
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        self.must("init", TF_PLUGIN_CACHE_DIR=str(DOWNLOADS))

    def run(self, command: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of terraform's in the root module."""
        options = ["-input=false"] if command in ("init", "plan", "apply", "destroy") else []
        return subprocess.run(
            [executable(), command, *options, *arguments],
            cwd=self.root,
            env=_environment()
            | NO_AWS
            | {"TF_DATA_DIR": str(self.folder / "data")}
            | dict(self.environment)
            | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, command: str, *arguments: str, **variables: str) -> str:
        """Run a command that has to succeed; what it wrote to standard output."""
        done = self.run(command, *arguments, **variables)
        assert done.returncode == 0, f"terraform {command} failed:\n{done.stdout[-SHOWN:]}\n{done.stderr}"
        return done.stdout

    def show(self, *plan: str) -> dict[str, Any]:
        """The state, or a saved plan, as Terraform's JSON has it."""
        shown: dict[str, Any] = json.loads(self.must("show", "-json", *plan))
        return shown


def resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All resources of a module of a state, and of the modules within."""
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)


def executable() -> str:
    """Where terraform is.

    Raises:
        TerraformMissingError: it is not on the path.
    """
    found = shutil.which("terraform")
    if not found:
        raise TerraformMissingError(
            "terraform is not on the PATH. Install 1.9 or newer: https://developer.hashicorp.com/terraform/install"
        )
    return found


def provider_mirror(environment: Mapping[str, str], machine: Path = Path("/")) -> Path | None:
    """The folder of a filesystem mirror that has the AWS provider: ``TF_PLUGIN_DIR``, else one in a usual place.

    Raises:
        TerraformMissingError: ``TF_PLUGIN_DIR`` is none.
    """
    named = environment.get("TF_PLUGIN_DIR")
    if named:
        if not (Path(named) / PROVIDER).is_dir():
            raise TerraformMissingError(f"TF_PLUGIN_DIR is {named}, and there is no {Path(named) / PROVIDER}.")
        return Path(named)
    return next((place for place in _usual_places(environment, machine) if (place / PROVIDER).is_dir()), None)


def _usual_places(environment: Mapping[str, str], machine: Path) -> Iterable[Path]:
    """Terraform's implied mirrors (CLI configuration, "Implied Local Mirror Directories"), and what lies in /opt."""
    home = Path(environment.get("HOME") or Path.home())
    data = [environment.get("XDG_DATA_HOME") or str(home / ".local/share")]
    data += (environment.get("XDG_DATA_DIRS") or "").split(":")
    yield home / ".terraform.d/plugins"
    yield from (Path(folder) / "terraform/plugins" for folder in data if folder)
    yield from (machine / folder for folder in ("usr/local/share/terraform/plugins", "usr/share/terraform/plugins"))
    yield from sorted(folder for folder in (machine / "opt").glob("*") if folder.is_dir())


def demand_registry() -> None:
    """See to it that the registry can be reached.

    Raises:
        TerraformMissingError: it cannot.
    """
    try:
        with urllib.request.urlopen(REGISTRY, timeout=REGISTRY_SECONDS):
            pass
    except OSError as error:
        raise TerraformMissingError(
            f"The AWS provider is in no mirror on this machine, and {REGISTRY} cannot be reached ({error}). Where it "
            "can be, run `terraform providers mirror FOLDER` in terraform/; copy the folder here, and name it in "
            "TF_PLUGIN_DIR."
        ) from error


def _environment() -> dict[str, str]:
    """This process's, without what would turn Terraform or the provider to something else."""
    kept = ("TF_CLI_CONFIG_FILE", "TF_REGISTRY_CLIENT_TIMEOUT")
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith(("AWS_", "TF_", "TELEMETRY_"))
    } | {
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_ARGS": "-no-color",
        "TF_IN_AUTOMATION": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
