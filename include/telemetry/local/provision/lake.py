"""The buckets, and the warehouse's secret."""

from __future__ import annotations

import json
from typing import Any

from telemetry.local.provision.deployment import REGION, LocalDeployment, differs
from telemetry.local.services.postgres import Login

CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def provision_buckets(local: LocalDeployment) -> None:
    """Create the raw, the processed and the artefact bucket, versioned and closed to the public."""
    s3 = local.client("s3")
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in (local.deployment.raw_bucket, local.deployment.processed_bucket, local.artefact_bucket):
        if name not in existing:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            local.changed(f"bucket {name}: created")
        if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            local.changed(f"bucket {name}: versioning switched on")
        if differs(_public_access(s3, name), CLOSED):
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=CLOSED)
            local.changed(f"bucket {name}: closed to the public")


def _public_access(s3: Any, bucket: str) -> Any:
    try:
        return s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        return None


def provision_secret(local: LocalDeployment, warehouse: Login) -> None:
    """Create or update the secret that functions and DAGs read: host, port, dbname, username and password."""
    secrets, name = local.client("secretsmanager"), local.deployment.database_secret
    wanted = warehouse.secret()
    try:
        found = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name=name, SecretString=json.dumps(wanted))
        local.changed(f"secret {name}: created")
        return
    if found != wanted:
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(wanted))
        local.changed(f"secret {name}: changed")
