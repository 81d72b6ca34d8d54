"""Deriving IAM actions from code: what is found, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraform import permissions
from terraform.call_graph import TOP, Definition, Program

CLIENT = "from telemetry.aws import client\n"


def needed(folder: Path, handler: str, *called: str, **modules: str) -> set[str]:
    """What a handler needs, that may import the ``modules`` of the package ``core``."""
    (folder / "core").mkdir()
    for name, code in modules.items():
        (folder / "core" / f"{name}.py").write_text(code)
    (folder / "handler.py").write_text(handler)
    program = Program(folder)
    module = program.file(folder / "handler.py")
    return permissions.actions(program.reach([Definition(module, TOP), Definition(module, "handler")], called))


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
from core.base import Base
class Worker(Base):
    def __init__(self, s3, sqs):
        self.s3, self.sqs = s3, sqs
    def work(self):
        list(map(self._one, []))
        self.inherited()
    def _one(self, item):
        self.s3.get_object(Bucket="b", Key=item)
    def unused(self):
        self.s3.delete_object(Bucket="b", Key="k")
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


def test_what_runs_on_import_counts_and_what_only_types_need_does_not(tmp_path: Path) -> None:
    handler = """
from __future__ import annotations
from typing import TYPE_CHECKING
import core.eager
if TYPE_CHECKING:
    from core.typed import Typed
def handler(event: Typed, context):
    pass
"""
    eager = f"{CLIENT}if True:\n    URL = client('sqs').get_queue_url(QueueName='q')\n"
    typed = f"{CLIENT}client('sqs').delete_queue(QueueUrl='q')\nclass Typed: pass\n"
    assert needed(tmp_path, handler, eager=eager, typed=typed) == {"sqs:GetQueueUrl"}


def test_a_framework_calls_methods_by_their_names(tmp_path: Path) -> None:
    handler = f"""{CLIENT}
class Operator:
    def execute(self, context):
        self.defer(method_name="resumed")
    def resumed(self, context):
        client("s3").get_object(Bucket="b", Key="k")
    def never(self):
        client("s3").put_object(Bucket="b", Key="k")
def handler(event, context):
    Operator()
"""
    assert needed(tmp_path, handler, "execute") == {"s3:GetObject"}


def test_a_service_that_cannot_be_followed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"handler:handler, line 3: name the service in the call of client\(\)"):
        needed(tmp_path, f"{CLIENT}def handler(event, context):\n    client(event['service'])\n")


def test_every_entry_of_the_project_is_derived() -> None:
    assert set(permissions.functions()) >= {"data_extraction", "data_loading", "device_simulator"}
    for function in permissions.functions():
        assert permissions.of_function(function), function
    assert "states:StartExecution" in permissions.of_airflow()
