"""SIGKILL: objects are whole, and Firehose writes each of its own once."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emulated import Emulator, until
from published import Lane

KILLS = 5
RANDOM = random.Random()  # noqa: S311


def test_a_kill_between_object_and_journal_entry_writes_the_same_object(journaled: Emulator) -> None:
    lane, device = Lane(journaled), journaled.device()
    device.publish("kept/x", b"1", b"2")
    device.close()
    assert len(lane.lake()) == 2
    s3, bucket = journaled.client("s3"), lane.bucket
    (before,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    journaled.kill()
    forgotten = 0
    for path in (journaled.data / "journal").glob("*"):
        kept = [event for event in path.read_bytes().splitlines(True) if b'["delivered",' not in event]
        forgotten += len(path.read_bytes().splitlines()) - len(kept)
        path.write_bytes(b"".join(kept))
    assert forgotten == 1
    journaled.start()
    device.connect()
    device.publish("kept/x", b"3")
    device.close()
    lane.check({b"1", b"2", b"3"})
    objects = {entry["Key"]: entry["ETag"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert objects[before["Key"]] == before["ETag"]
    assert len(objects) == 2
    assert lane.of_firehose("DeliveryToS3.Records") == lane.of_firehose("IncomingRecords") == 3


@contextmanager
def overwriting(emulator: Emulator, bucket: str) -> Iterator[list[str]]:
    """One object is overwritten all the time; the ETags that were acknowledged."""
    stop, etags = threading.Event(), list[str]()

    def run() -> None:
        client = emulator.client("s3")
        while not stop.is_set():
            body = RANDOM.randbytes(RANDOM.choice([0, 10, 100_000, 3_000_000]))
            digest = hashlib.md5(body).hexdigest()  # noqa: S324
            try:
                put = client.put_object(Bucket=bucket, Key="a/b", Body=body, Metadata={"md5": digest})
            except Exception:  # noqa: S112
                continue
            etags.append(put["ETag"].strip('"'))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield etags
    finally:
        stop.set()
        thread.join(60)


def put_more(etags: list[str], number: int) -> None:
    goal = len(etags) + number
    until(lambda: len(etags) >= goal, "puts")


def test_an_object_is_never_torn(own: Emulator) -> None:
    bucket, s3 = own.bucket(), own.client("s3")

    def intact() -> str:
        found = s3.get_object(Bucket=bucket, Key="a/b")
        digest = hashlib.md5(found["Body"].read()).hexdigest()  # noqa: S324
        assert {digest} == {found["ETag"].strip('"'), found["Metadata"]["md5"]}
        return digest

    with overwriting(own, bucket) as etags:
        for _ in range(KILLS):
            put_more(etags, RANDOM.randint(2, 12))
            own.restart()
            intact()
    own.restart()
    assert intact() == etags[-1]
    assert own.keys(bucket) == ["a/b"]


def test_a_put_that_was_cut_between_its_two_files_is_completed(own: Emulator) -> None:
    bucket, s3 = own.bucket(), own.client("s3")
    folder = own.data / "s3" / "000000000000" / bucket
    files = {}
    for body in (b"old", b"newer"):
        s3.put_object(Bucket=bucket, Key="cut", Body=body, ContentType=f"text/{body.decode()}")
        files[body] = {name: (folder / name).read_bytes() for name in ("cut", "cut.meta.json")}
    own.kill()
    puts = own.data / "puts"
    (folder / "cut").write_bytes(files[b"newer"]["cut"])  # this one had been renamed
    (folder / "cut.meta.json").write_bytes(files[b"old"]["cut.meta.json"])
    (puts / "2").write_bytes(files[b"newer"]["cut.meta.json"])
    renames = [[str(puts / "1"), str(folder / "cut")], [str(puts / "2"), str(folder / "cut.meta.json")]]
    (puts / "x.renames").write_text(json.dumps(renames))
    (puts / "3").write_bytes(b"of a put that had not got so far")
    own.start()
    found = s3.get_object(Bucket=bucket, Key="cut")
    assert (found["Body"].read(), found["ContentType"]) == (b"newer", "text/newer")
    assert own.keys(bucket) == ["cut"]
    assert list(puts.iterdir()) == []
