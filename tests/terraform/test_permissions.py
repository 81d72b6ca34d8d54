"""Deriving IAM actions from code: what is found, and what is not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from terraform import permissions
from terraform.reachable import Part

CLIENT = "from telemetry.aws.clients import client\n"


def needed(root: Path, handler: str, **modules: str) -> set[str]:
    """What a handler needs, that may import the ``modules`` of the package ``core``."""
    (root / "core").mkdir()
    for name, code in modules.items():
        (root / "core" / f"{name}.py").write_text(code)
    return permissions.actions([Part(root / "handler.py", ast.parse(handler))], root)


@pytest.mark.parametrize(
    ("call", "actions"),
    [
        ("client('s3').list_objects_v2(Bucket='b')", {"s3:ListBucket"}),
        ("client('s3').get_paginator('list_objects_v2').paginate(Bucket='b')", {"s3:ListBucket"}),
        ("client('s3').get_waiter('object_exists').wait(Bucket='b')", {"s3:GetObject"}),
        ("client('s3').head_object(Bucket='b', Key='k')", {"s3:GetObject"}),
        ("client('s3').upload_file('f', 'b', 'k')", {"s3:PutObject", "s3:AbortMultipartUpload"}),
        ("client('sqs').delete_message_batch(QueueUrl='q')", {"sqs:DeleteMessage"}),
        ("client('lambda').invoke(FunctionName='f')", {"lambda:InvokeFunction"}),
        ("client('stepfunctions').start_execution(input='{}')", {"states:StartExecution"}),
        ("client('iot-data').publish(topic='t')", {"iot:Publish"}),
        ("map(client('s3').delete_object, [])", {"s3:DeleteObject"}),
        ("client('s3').exceptions.NoSuchKey", set()),
    ],
)
def test_operations_become_actions(tmp_path: Path, call: str, actions: set[str]) -> None:
    assert needed(tmp_path, f"{CLIENT}def handler(event, context):\n    {call}\n") == actions


def test_calls_are_followed_through_modules_classes_and_values(tmp_path: Path) -> None:
    handler = f"""{CLIENT}
from functools import partial
from core import helpers
from core.work import Worker as W
def handler(event, context):
    from core.late import late
    W(client("s3"), client("sqs")).work()
    partial(late, client("sns"))
    helpers.help(client("ssm"))
"""
    work = """
from .base import Base
class Worker(Base):
    def __init__(self, s3, sqs):
        self.s3, self.sqs = s3, sqs
    def work(self):
        list(map(self._one, []))
        self.inherited()
    def _one(self, item):
        self.s3.get_object(Bucket="b", Key=item)
"""
    base = "class Base:\n    def inherited(self):\n        self.sqs.send_message(QueueUrl='q')\n"
    late = "def late(sns):\n    def inner():\n        sns.publish(TopicArn='t')\n    return inner\n"
    helpers = "from core.helped import help\n"
    helped = "def help(ssm):\n    ssm.get_parameter(Name='n')\ndef unused(ssm):\n    ssm.put_parameter(Name='n')\n"
    assert needed(tmp_path, handler, work=work, base=base, late=late, helpers=helpers, helped=helped) == {
        "s3:GetObject",
        "sqs:SendMessage",
        "sns:Publish",
        "ssm:GetParameter",
    }


def test_code_that_runs_on_import_counts_and_unused_imports_do_not(tmp_path: Path) -> None:
    eager = f"""{CLIENT}
class Constants:
    URL = client("sqs").get_queue_url(QueueName="q")
    def unused(self):
        client("sqs").delete_queue(QueueUrl="q")
def unused(size=client("sqs").list_queues()):
    from core.work import purge
"""
    work = f"{CLIENT}def purge():\n    client('sqs').purge_queue(QueueUrl='q')\nclient('sns').list_topics()\n"
    handler = "import core.eager\nfrom core.eager import Constants, unused\n"
    assert needed(tmp_path, handler, eager=eager, work=work) == {"sqs:GetQueueUrl", "sqs:ListQueues"}


def test_methods_called_only_by_a_framework_count(tmp_path: Path) -> None:
    step = (
        f"{CLIENT}class Step:\n    def execute(self, context):\n        client('s3').get_object(Bucket='b', Key='k')\n"
    )
    assert needed(tmp_path, "from core.step import Step as S\nS()\n", step=step) == {"s3:GetObject"}


@pytest.mark.parametrize("call", ["client(name)", "client(service_name='s3')", "client('s3').get_paginator(name)"])
def test_a_name_that_cannot_be_followed_is_an_error(tmp_path: Path, call: str) -> None:
    with pytest.raises(ValueError, match=r"handler\.py, line 3: write the name in the call of \w+\(\)"):
        needed(tmp_path, f"{CLIENT}def handler(name, context):\n    {call}\n")
