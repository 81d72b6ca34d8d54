"""``telemetry deploy``: what differs is brought to the environment, and nobody is told so before it is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulated import REGION, Emulator
from mwaa.environments import UPDATING, Environments, serve
from telemetry.cli import main
from telemetry.errors import TelemetryError
from telemetry.packaging.archive import digest
from telemetry.packaging.deploy import deploy

NAME = "team-airflow"
VERSION = "3.3.1"
DAGS = {"maintenance.py": "# maintenance", "lanes/queue.py": "# queue"}


class Package:
    """A package of a few bytes in ``dist``; each part may be changed."""

    def __init__(self, dist: Path) -> None:
        self.dist = dist
        self.make()

    def make(self, version: str = VERSION, dags: dict[str, str] = DAGS, **contents: str) -> None:
        kinds = {"plugins": "zip", "requirements": "txt", "startup": "sh"}
        texts = {kind: contents.get(kind, kind) for kind in kinds}
        self.paths = {kind: f"airflow/{kind}-{digest(text.encode())}.{kinds[kind]}" for kind, text in texts.items()}
        files = {self.paths[kind]: text for kind, text in texts.items()}
        files |= {f"airflow/dags/{path}": text for path, text in dags.items()}
        index = {"airflow": {"version": version, "dags": [f"airflow/dags/{path}" for path in dags], **self.paths}}
        for path, text in {**files, "artefacts.json": json.dumps(index)}.items():
            (self.dist / path).parent.mkdir(parents=True, exist_ok=True)
            (self.dist / path).write_text(text)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


@pytest.fixture
def bucket(cloud: Emulator) -> str:
    name = cloud.bucket()
    cloud.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def mwaa(cloud: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environments]:
    known = {"Name": NAME, "AirflowVersion": VERSION, "SourceBucketArn": f"arn:aws:s3:::{bucket}", "DagS3Path": "dags/"}
    with serve(**known) as mwaa:
        for name, value in {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_ENDPOINT_URL_MWAA": mwaa.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        yield mwaa


def deployed(package: Package, name: str = NAME, *, upgrade: bool = False) -> list[str]:
    """Deploy, and return what was told."""
    told: list[str] = []
    deploy(name, package.dist, told.append, upgrade=upgrade, poll_seconds=0.01)
    return told


def test_a_first_deployment_brings_everything(
    mwaa: Environments, package: Package, cloud: Emulator, bucket: str
) -> None:
    told = deployed(package)
    assert set(cloud.keys(bucket)) == {*package.paths.values(), "dags/maintenance.py", "dags/lanes/queue.py"}
    versions = {
        one["Key"]: one["VersionId"] for one in cloud.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    }
    (update,) = mwaa.updates
    for kind, field in {"plugins": "Plugins", "requirements": "Requirements", "startup": "StartupScript"}.items():
        key = package.paths[kind]
        assert update.pop(f"{field}S3Path") == key
        assert update.pop(f"{field}S3ObjectVersion") == versions[key]
    assert update == {}
    assert f"{NAME}: UPDATING for 0 min" in told


def test_a_second_deployment_changes_nothing(
    mwaa: Environments, package: Package, cloud: Emulator, bucket: str
) -> None:
    deployed(package)
    before = cloud.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    assert deployed(package) == []
    assert cloud.client("s3").list_object_versions(Bucket=bucket)["Versions"] == before
    assert len(mwaa.updates) == 1


def test_dags_alone_need_no_update(mwaa: Environments, package: Package, cloud: Emulator, bucket: str) -> None:
    deployed(package)
    cloud.client("s3").put_object(Bucket=bucket, Key="notes.txt", Body=b"not a DAG")
    cloud.client("s3").put_object(Bucket=bucket, Key="dags/", Body=b"")
    package.make(dags={"maintenance.py": "# changed"})
    assert deployed(package) == ["dags/maintenance.py: uploaded", "dags/lanes/queue.py: deleted"]
    assert cloud.content(bucket, "dags/maintenance.py") == b"# changed"
    assert set(cloud.keys(bucket)) == {*package.paths.values(), "dags/", "dags/maintenance.py", "notes.txt"}
    assert len(mwaa.updates) == 1


def test_an_update_names_what_changed_and_comes_before_the_dags(mwaa: Environments, package: Package) -> None:
    deployed(package)
    package.make(plugins="other plugins", dags={**DAGS, "new.py": "# needs them"})
    told = deployed(package)
    assert set(mwaa.updates[1]) == {"PluginsS3Path", "PluginsS3ObjectVersion"}
    assert told[0] == f"{package.paths['plugins']}: uploaded"
    assert told[-1] == "dags/new.py: uploaded"
    assert f"{NAME}: UPDATING for 0 min" in told[1:-1]


@pytest.mark.parametrize(
    "statuses", [["UPDATING", "ROLLING_BACK"], ["UPDATING", "UPDATE_FAILED"]], ids=["back", "update-failed"]
)
def test_a_failed_update_is_told_with_its_reason_and_leaves_the_dags(
    mwaa: Environments, package: Package, cloud: Emulator, bucket: str, statuses: list[str]
) -> None:
    deployed(package)
    mwaa.update_statuses = statuses
    mwaa.error = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": "The scheduler did not start."}
    package.make(startup="exit 1", dags={"maintenance.py": "# changed"})
    with pytest.raises(TelemetryError, match=r"INCORRECT_CONFIGURATION: The scheduler did not start\."):
        deployed(package)
    assert cloud.content(bucket, "dags/maintenance.py") == b"# maintenance"

    mwaa.error, mwaa.update_statuses = None, UPDATING
    deployed(package)  # again, now that whatever it was is mended
    assert mwaa.environment["StartupScriptS3Path"] == package.paths["startup"]
    assert cloud.content(bucket, "dags/maintenance.py") == b"# changed"


def test_an_environment_that_is_busy_is_waited_for(mwaa: Environments, package: Package) -> None:
    mwaa.statuses = ["CREATING_SNAPSHOT", "MAINTENANCE"]
    assert deployed(package)[:2] == [f"{NAME}: CREATING_SNAPSHOT for 0 min", f"{NAME}: MAINTENANCE for 0 min"]
    assert len(mwaa.updates) == 1


def test_an_update_that_is_not_visible_yet_is_waited_for(mwaa: Environments, package: Package) -> None:
    mwaa.update_statuses = ["AVAILABLE", "UPDATING"]  # the first look is at the status of before
    mwaa.error = {"ErrorCode": "X", "ErrorMessage": "Y"}
    with pytest.raises(TelemetryError, match="X: Y"):
        deployed(package)


@pytest.mark.parametrize("status", ["CREATE_FAILED", "UNAVAILABLE", "DELETING", "DELETED"])
def test_a_failed_environment_is_not_waited_for(mwaa: Environments, package: Package, status: str) -> None:
    mwaa.statuses = [status]
    with pytest.raises(TelemetryError, match=f"{NAME} is {status}"):
        deployed(package)


def test_a_package_for_another_airflow_is_refused(
    mwaa: Environments, package: Package, cloud: Emulator, bucket: str
) -> None:
    package.make(version="3.2.1")
    with pytest.raises(TelemetryError, match=r"runs Airflow 3\.3\.1, the package is for 3\.2\.1") as refused:
        deployed(package)
    assert "--airflow 3.3.1" in refused.value.hint
    assert cloud.keys(bucket) == []
    assert mwaa.updates == []


def test_an_upgrade_changes_version_and_artefacts_in_one_update(mwaa: Environments, package: Package) -> None:
    deployed(package)
    package.make(version="3.4.0", requirements="for 3.4.0")
    assert deployed(package, upgrade=True)[0] == f"{NAME}: from Airflow {VERSION} to 3.4.0"
    assert set(mwaa.updates[1]) == {"AirflowVersion", "RequirementsS3Path", "RequirementsS3ObjectVersion"}
    assert deployed(package, upgrade=True) == []


@pytest.mark.usefixtures("mwaa")
def test_a_missing_environment_is_an_error(package: Package) -> None:
    with pytest.raises(TelemetryError, match="No such environment"):
        deployed(package, "nonsense")


def test_a_missing_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="There is no package"):
        deploy(NAME, tmp_path, print)


def test_the_command_succeeds_or_says_why(
    mwaa: Environments, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    mwaa.update_statuses = []
    main_ends(0, "deploy", NAME, "--from", str(package.dist))
    assert capsys.readouterr().out == f"Deployed {package.dist} to {NAME}.\n"
    mwaa.error = {"ErrorCode": "X", "ErrorMessage": "Y"}
    package.make(plugins="broken")
    main_ends(1, "deploy", NAME, "--from", str(package.dist))
    assert "X: Y" in capsys.readouterr().err


def main_ends(code: int, *arguments: str) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == code
