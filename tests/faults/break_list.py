"""Promises to be broken on purpose: what is replaced in the code, and which cases must notice."""

from __future__ import annotations

from dataclasses import dataclass

TELEMETRY = "include/telemetry"


@dataclass(frozen=True)
class Edit:
    """In ``file``, ``old`` becomes ``new``. ``old`` must be there."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Break:
    """One broken promise; ``select`` is pytest's ``-k``: the cases that are run."""

    name: str
    promise: str
    edits: tuple[Edit, ...]
    select: str


LEDGER = "include/migrations/0001_ledger.sql"
FOREIGN_KEY = ",\n    FOREIGN KEY (bucket, key) REFERENCES load_objects\n"

BREAKS = [
    Break(
        "the unique key of load_objects is dropped",
        "an object is loaded once",
        (
            Edit(LEDGER, "    PRIMARY KEY (bucket, key),                     -- no object is ever loaded twice\n", ""),
            Edit(LEDGER, f"PRIMARY KEY (bucket, key, day){FOREIGN_KEY}", "PRIMARY KEY (bucket, key, day)\n"),
            Edit(LEDGER, f"UNIQUE (bucket, key, line, item){FOREIGN_KEY}", "UNIQUE (bucket, key, line, item)\n"),
        ),
        "claimed_object or hour_and_the_day_at_once",
    ),
    Break(
        "the unique key of the readings is dropped",
        "a reading is stored once",
        (
            Edit(
                f"{TELEMETRY}/warehouse/migrate.py",
                "PRIMARY KEY (device_id, event_time, reading_id)",
                "CHECK (load_id IS NOT NULL)",
            ),
        ),
        "published_again or two_executions",
    ),
    Break(
        "messages are deleted before the put",
        "a message is deleted only after it is in an object",
        (
            Edit(
                f"{TELEMETRY}/etl/drain.py",
                "            if new:\n",
                "            _delete(sqs, queue_url, pool, list(batch.values()))\n            if new:\n",
            ),
        ),
        "of_a_drain",
    ),
    Break(
        "the ledger's row is committed first",
        "an object's rows and its place in the ledger commit together",
        (
            Edit(
                f"{TELEMETRY}/etl/load.py",
                "self._load_id, name, raw_object):\n",
                "self._load_id, name, raw_object) and not cursor.connection.commit():\n",
            ),
        ),
        "of_a_load and merge",
    ),
    Break(
        "a bad line is swallowed",
        "bad input is quarantined with its bytes",
        (Edit(f"{TELEMETRY}/etl/transform.py", "rejects.rows.append((*outcome, raw, *origin))", "pass"),),
        "of_an_extraction",
    ),
    Break(
        "a load is closed without a look at what it lacks",
        "every load is on the record as it ended",
        (Edit("include/functions/load_recording/handler.py", "    if missing:\n", "    if missing < 0:\n"),),
        "record_of_a_failure or object_is_gone",
    ),
    Break(
        "a retry opens a load of its own",
        "a retried task never runs the ETL twice",
        (Edit(f"{TELEMETRY}/warehouse/ledger.py", "        if running:\n", "        if running and attempt < 0:\n"),),
        "opened_and_the_answer_lost or joined_while_it_runs",
    ),
    Break(
        "an execution that exists is not attached to",
        "starting an execution again attaches to the one that exists",
        (Edit(f"{TELEMETRY}/aws/executions.py", "except step_functions.exceptions.ExecutionAlreadyExists:",
              "except step_functions.exceptions.ExecutionDoesNotExist:"),),
        "name_is_reused",
    ),
    Break(
        "the messages' ids are not remembered",
        "a message that comes again is counted once",
        (Edit(f"{TELEMETRY}/etl/merge.py", "if raw_object.lane is not Lane.queue:", "if raw_object.lane:"),),
        "after_its_delete or visibility_expires",
    ),
    Break(
        "a duplicate overwrites, and counts as loaded",
        "readings in the table = the sum of loaded",
        (
            Edit(
                f"{TELEMETRY}/warehouse/readings.py",
                "FROM stage ORDER BY {} ON CONFLICT DO NOTHING",
                "FROM stage ORDER BY {} ON CONFLICT (device_id, event_time, reading_id) DO UPDATE SET load_id = 0",
            ),
        ),
        "published_again or of_an_extraction",
    ),
    Break(
        "a queue object may overwrite another",
        "nothing raw is ever changed",
        (Edit(f"{TELEMETRY}/etl/drain.py", ', IfNoneMatch="*"', ""),),
        "of_the_queue_lane and answer-lost",
    ),
    Break(
        "whatever has an object's key by now is loaded",
        "nothing raw is ever changed, nor taken for what was listed",
        (Edit(f"{TELEMETRY}/etl/transform.py", """, IfMatch=f'"{raw_object.etag}"'""", ""),),
        "object_is_replaced",
    ),
    Break(
        "the hour does not look back",
        "a late object is taken by the next hour",
        (Edit(f"{TELEMETRY}/etl/hours.py", "Interval(interval.start - look_back, interval.end)", "interval"),),
        "late_object",
    ),
    Break(
        "what S3 answers with 403 counts as gone for good",
        "a refusal that passes is tried again",
        (Edit(f"{TELEMETRY}/etl/transform.py", '"AccessDenied", ', '"AccessDenied", "RequestTimeTooSkewed", '),),
        "s3-clock-skewed",
    ),
]  # fmt: skip
