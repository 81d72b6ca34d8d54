"""Writing to S3 from within the emulator."""

from __future__ import annotations

import re

from ministack.core.responses import request_scope
from ministack.services import s3


async def put_object(account: str, region: str, bucket: str, key: str, body: bytes) -> None:
    """Put an object. Only the event loop's thread may call it.

    Raises:
        OSError: S3 refused it; the message has S3's error code.
    """
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "host": "s3.localhost",
    }
    with request_scope(account, region):
        status, _, answer = await s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True)
    if status >= 300:
        code = re.search(rb"<Code>(.*?)</Code>", answer or b"")
        raise OSError(f"S3 PutObject {bucket}/{key}: {code[1].decode() if code else status}")
