#!/bin/bash
# Exports the deployment's environment, a JSON object in an SSM parameter, to every component of Airflow.
# MWAA sources this file with `exit` as an alias for a clean end. `builtin exit` is none: MWAA then gives up the deployment,
# and goes back to the one before, instead of running DAGs that know no bucket.
telemetry_exports=$(
  python3 - "@PARAMETER@" <<'PYTHON'
import json
import re
import shlex
import sys

import boto3
from botocore.config import Config

name = sys.argv[1]
limits = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 5})
try:
    value = boto3.client("ssm", config=limits).get_parameter(Name=name)["Parameter"]["Value"]
except Exception as error:
    sys.exit(f"startup.sh: the SSM parameter {name}, which Terraform makes, cannot be read: {error}")
try:
    environment = json.loads(value)
except ValueError:
    environment = None
if not isinstance(environment, dict) or not all(isinstance(text, str) for text in environment.values()):
    sys.exit(f"startup.sh: the SSM parameter {name} is not a JSON object of strings.")
for key in environment:
    if not re.fullmatch("[A-Z][A-Z0-9_]*", key):
        sys.exit(f"startup.sh: the SSM parameter {name} holds {key!r}, which is no name of a variable.")
print(f"startup.sh: {', '.join(environment)} from the SSM parameter {name}.", file=sys.stderr)
for key, text in environment.items():
    print(f"export {key}={shlex.quote(text)}")
PYTHON
) || {
  # A web server runs no DAG; where its pages are private, it reaches no AWS service
  # (MWAA user guide, "Using a startup script with Amazon MWAA").
  if [ "${MWAA_AIRFLOW_COMPONENT:-}" = webserver ]; then exit; fi
  builtin exit 1
}
eval "$telemetry_exports"
unset telemetry_exports
