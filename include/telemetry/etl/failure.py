"""Why an execution failed, in words for people."""

from __future__ import annotations

import json


def reason(error: str, cause: str) -> str:
    """Step Functions' error and cause as ``Error: message``.

    A Lambda function's cause is JSON with message and stack trace (AWS Lambda developer guide, "Python function
    errors"); the message is what a person can read.
    """
    return ": ".join(part for part in (error, _message(cause)) if part)


def _message(cause: str) -> str:
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
