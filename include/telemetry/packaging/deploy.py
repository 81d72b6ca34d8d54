"""Deploy the package to an existing MWAA environment: upload what differs, and wait until the update has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.aws.clients import client
from telemetry.errors import TelemetryError
from telemetry.packaging.package import INDEX

FIELDS = {"plugins": "PluginsS3", "requirements": "RequirementsS3", "startup": "StartupScriptS3"}
"""Artefacts that need an update of the environment, and the beginning of the names of their fields in the API."""

USABLE = {"AVAILABLE", "UPDATE_FAILED"}  # after a failed update MWAA rolls back
LOST = {"CREATE_FAILED", "UNAVAILABLE", "DELETING", "DELETED"}
"""The final statuses of an environment (API reference, Environment); it leaves all others by itself."""

LONGEST_SECONDS = 2 * 3600.0
DAGS = "airflow/dags/"

Tell = Callable[[str], None]


def deploy(name: str, dist: Path, tell: Tell, *, upgrade: bool = False, poll_seconds: float = 15.0) -> None:
    """Deploy the package in ``dist`` to the MWAA environment ``name``.

    DAGs come last, because they may need the new plugins and requirements. They are unchanged if the update fails. With
    ``upgrade`` the environment gets the package's version of Airflow, in the same update.

    Raises:
        TelemetryError: there is no package or no such environment, they are for different versions of Airflow, or the
            update failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    target = _Target(name, dist, _read(dist), tell, upgrade, poll_seconds)
    try:
        environment = target.wait_until_usable()
        version = target.new_version(environment)
        bucket = environment["SourceBucketArn"].rpartition(":")[2]
        if changes := version | target.upload(environment, bucket):
            target.update(environment, changes)
        target.sync_dags(bucket, environment["DagS3Path"].strip("/"))
    except (BotoCoreError, ClientError) as error:
        raise TelemetryError(
            f"AWS: {error}", "Check the profile and the region (AWS_PROFILE, AWS_REGION), and the environment's name."
        ) from error


def _read(dist: Path) -> dict[str, Any]:
    """Read the entry of MWAA's artefacts."""
    try:
        package: dict[str, Any] = json.loads((dist / INDEX).read_text())["airflow"]
    except FileNotFoundError as error:
        raise TelemetryError(f"There is no package in {dist}.", "`telemetry package` makes it.") from error
    return package


@dataclass(frozen=True)
class _Target:
    """An environment, and the package to deploy to it."""

    name: str
    dist: Path
    package: dict[str, Any]
    tell: Tell
    upgrade: bool
    poll_seconds: float

    def wait_until_usable(self, since: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait until the environment is usable, and return it. With ``since``, the last update known so far, wait for
        the end of a newer one.

        Raises:
            TelemetryError: it takes too long, or the environment cannot become usable.
        """
        mwaa, started, told = client("mwaa"), time.monotonic(), ""
        while True:
            environment: dict[str, Any] = mwaa.get_environment(Name=self.name)["Environment"]
            status, last = environment["Status"], environment.get("LastUpdate", {})
            if status in LOST:
                raise TelemetryError(
                    f"{self.name} is {status}.", "MWAA's console says why; `terraform apply` makes it."
                )
            if status in USABLE and last.get("Status") != "PENDING" and last != since:
                return environment
            waited = time.monotonic() - started
            if waited > LONGEST_SECONDS:
                raise TelemetryError(
                    f"{self.name} is still {status} after {waited // 60:.0f} min.", "See MWAA's console."
                )
            if told != (told := f"{self.name}: {status} for {waited // 60:.0f} min"):
                self.tell(told)
            time.sleep(self.poll_seconds)

    def new_version(self, environment: dict[str, Any]) -> dict[str, str]:
        """Return the field that upgrades the environment to the package's version of Airflow, if it has another.

        Raises:
            TelemetryError: it has another, and no upgrade was asked for.
        """
        theirs, ours = environment["AirflowVersion"], self.package["version"]
        if theirs == ours:
            return {}
        if not self.upgrade:
            raise TelemetryError(
                f"{self.name} runs Airflow {theirs}, the package is for {ours}.",
                f"`telemetry package --airflow {theirs}` makes one that fits; `telemetry deploy {self.name} --upgrade` "
                f"brings the environment to {ours}.",
            )
        self.tell(f"{self.name}: from Airflow {theirs} to {ours}")
        return {"AirflowVersion": ours}

    def upload(self, environment: dict[str, Any], bucket: str) -> dict[str, str]:
        """Upload the artefacts that the environment does not use yet, and return the fields to update."""
        s3, changes = client("s3"), {}
        for kind, field in FIELDS.items():
            key = self.package[kind]
            if environment.get(f"{field}Path") == key:
                continue
            put = s3.put_object(Bucket=bucket, Key=key, Body=(self.dist / key).read_bytes())
            self.tell(f"{key}: uploaded")
            changes[f"{field}Path"] = key
            if "VersionId" in put:  # without it MWAA may use the version that it knows, of another object
                changes[f"{field}ObjectVersion"] = put["VersionId"]
        return changes

    def update(self, environment: dict[str, Any], changes: dict[str, str]) -> None:
        """Update the environment, and wait for the end of the update.

        Raises:
            TelemetryError: the update failed, with MWAA's reason.
        """
        client("mwaa").update_environment(Name=self.name, **changes)
        self.tell(f"{self.name}: update asked for; MWAA takes 10 to 30 minutes")
        updated = self.wait_until_usable(since=environment.get("LastUpdate", {}))
        last = updated.get("LastUpdate", {})
        if updated["Status"] != "AVAILABLE" or last.get("Status") != "SUCCESS":
            why = {"ErrorCode": "no code", "ErrorMessage": "no message"} | last.get("Error", {})
            raise TelemetryError(
                f"{self.name} did not take the update and is {updated['Status']} as it was. "
                f"{why['ErrorCode']}: {why['ErrorMessage']}",
                f"The log groups airflow-{self.name}-* have the startup script's and pip's words. No DAG was changed.",
            )

    def sync_dags(self, bucket: str, folder: str) -> None:
        """Make ``folder`` of the bucket hold exactly the package's DAGs, which are compared byte by byte."""
        s3 = client("s3")
        wanted = {f"{folder}/{path.removeprefix(DAGS)}": self.dist / path for path in self.package["dags"]}
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        found = {entry["Key"] for page in pages for entry in page.get("Contents", ())}
        for key, path in wanted.items():
            content = path.read_bytes()
            if key not in found or s3.get_object(Bucket=bucket, Key=key)["Body"].read() != content:
                s3.put_object(Bucket=bucket, Key=key, Body=content)
                self.tell(f"{key}: uploaded")
        for key in sorted(found - wanted.keys() - {f"{folder}/"}):  # the console makes one of a folder
            s3.delete_object(Bucket=bucket, Key=key)
            self.tell(f"{key}: deleted")
