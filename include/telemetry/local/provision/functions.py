"""The Lambda functions, and the dependency layer that they share."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

from telemetry.config.settings import Function
from telemetry.errors import TelemetryError
from telemetry.local.provision.deployment import LocalDeployment, differs
from telemetry.local.provision.ingest import provision_log_group
from telemetry.local.services.emulator import INTERPRETER
from telemetry.packaging.archive import digest
from telemetry.packaging.functions import function_zip
from telemetry.waiting import wait_until


def emulator_python() -> str:
    """Return the Python version of the emulator's environment, which functions run on, such as ``3.12``.

    Raises:
        TelemetryError: the environment is missing.
    """
    if not INTERPRETER.exists():
        raise TelemetryError(f"The emulator's environment {INTERPRETER.parents[1]} is missing.", "Run `make setup`.")
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([INTERPRETER, "-I", "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def provision_functions(local: LocalDeployment, layer: Path, python: str) -> None:
    """Create or update every function of the settings, on Python ``python`` and with the layer in the file ``layer``.

    Code and configuration are only sent if they differ.
    """
    layer_arn = _provision_layer(local, layer)
    role = local.role("functions", "lambda.amazonaws.com")
    for folder in type(local.settings.functions).model_fields:
        function: Function = getattr(local.settings.functions, folder)
        provision_log_group(local, f"/aws/lambda/{function.name}")
        _provision_function(
            local, function.name, function_zip(folder), _configuration(local, function, role, layer_arn, python)
        )
    for name in function_names(local):
        _wait_until_active(local, name)


def function_names(local: LocalDeployment) -> list[str]:
    """Return the names of all functions."""
    settings = local.settings.functions
    return [getattr(settings, folder).name for folder in type(settings).model_fields]


def _provision_layer(local: LocalDeployment, layer: Path) -> str:
    """The ARN of the layer version with the content of ``layer``, identified by the name of the file."""
    functions = local.client("lambda")
    for version in functions.list_layer_versions(LayerName=local.settings.names.layer)["LayerVersions"]:
        if version["Description"] == layer.stem:
            return str(version["LayerVersionArn"])
    place = _upload(local, f"layers/{layer.name}", layer.read_bytes())
    published = functions.publish_layer_version(
        LayerName=local.settings.names.layer, Description=layer.stem, Content=place
    )
    local.changed(f"layer {local.settings.names.layer}: version {published['Version']} published")
    return str(published["LayerVersionArn"])


def _upload(local: LocalDeployment, key: str, content: bytes) -> dict[str, str]:
    """Upload an artefact. Its key contains a digest of its content, so that it never changes."""
    local.client("s3").put_object(Bucket=local.artefact_bucket, Key=key, Body=content)
    return {"S3Bucket": local.artefact_bucket, "S3Key": key}


def _configuration(
    local: LocalDeployment, function: Function, role: str, layer_arn: str, python: str
) -> dict[str, Any]:
    deployment = local.deployment
    return {
        "Runtime": f"python{python}",
        "Handler": "handler.handler",
        "Role": role,
        "MemorySize": function.memory_megabytes,
        "Timeout": function.timeout_seconds,
        "Layers": [layer_arn],
        "Environment": {
            "Variables": {
                "TELEMETRY_RAW_BUCKET": deployment.raw_bucket,
                "TELEMETRY_PROCESSED_BUCKET": deployment.processed_bucket,
                "TELEMETRY_DATABASE_SECRET": deployment.database_secret,
            }
        },
    }


def _provision_function(local: LocalDeployment, name: str, code: bytes, wanted: dict[str, Any]) -> None:
    functions = local.client("lambda")
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        functions.create_function(FunctionName=name, Code=_upload_code(local, name, code), **wanted)
        local.changed(f"function {name}: created")
        return
    found["Layers"] = [layer["Arn"] for layer in found.get("Layers", [])]
    if differs(found, wanted):
        functions.update_function_configuration(FunctionName=name, **wanted)
        local.changed(f"function {name}: configuration changed")
    if found["CodeSha256"] != base64.b64encode(hashlib.sha256(code).digest()).decode():
        _wait_until_active(local, name)
        functions.update_function_code(FunctionName=name, **_upload_code(local, name, code))
        local.changed(f"function {name}: code changed")


def _upload_code(local: LocalDeployment, name: str, code: bytes) -> dict[str, str]:
    return _upload(local, f"functions/{name}-{digest(code)}.zip", code)


def _wait_until_active(local: LocalDeployment, name: str) -> None:
    functions = local.client("lambda")
    wait_until(
        lambda: functions.get_function_configuration(FunctionName=name)["State"] == "Active",
        what=f"{name} to be active",
        timeout=30,
        interval=0.05,
    )
