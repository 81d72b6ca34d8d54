-- The ledger: every load, every object it took, and what could not become a reading.

CREATE TABLE loads (
    load_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream         text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('hourly', 'daily', 'queue')),
    interval_start timestamptz NOT NULL,
    interval_end   timestamptz NOT NULL,
    generation     integer NOT NULL CHECK (generation >= 0),
    execution_name text NOT NULL UNIQUE,
    execution_arn  text,
    dag_id         text,
    run_id         text,
    attempt        integer,
    status         text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'empty', 'failed')),
    objects        bigint NOT NULL DEFAULT 0,
    bytes          bigint NOT NULL DEFAULT 0,
    rows_read      bigint NOT NULL DEFAULT 0,
    loaded         bigint NOT NULL DEFAULT 0,
    duplicate      bigint NOT NULL DEFAULT 0,
    quarantined    bigint NOT NULL DEFAULT 0,
    first_error    text,                            -- of its rows: "line 17: wrong_type: temperature is a string"
    error          text,                            -- why the load failed
    started_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    UNIQUE (stream, kind, interval_start, interval_end, generation),
    CHECK (interval_start < interval_end),
    CONSTRAINT load_conserves_rows CHECK (rows_read = loaded + duplicate + quarantined),
    CONSTRAINT load_ended_or_running CHECK ((status = 'running') = (ended_at IS NULL))
);
CREATE INDEX loads_by_run ON loads (dag_id, run_id);

CREATE TABLE load_objects (
    bucket          text NOT NULL,
    key             text NOT NULL,
    stream          text NOT NULL,
    lane            text NOT NULL CHECK (lane IN ('lake', 'queue')),
    partition_start timestamptz NOT NULL,          -- the hour of arrival
    load_id         bigint NOT NULL REFERENCES loads,
    etag            text NOT NULL,
    bytes           bigint NOT NULL,
    messages        bigint NOT NULL,               -- as published; an array payload is one message with several rows
    redelivered     bigint NOT NULL DEFAULT 0,     -- messages that it repeats, or that an earlier object brought
    rows_read       bigint NOT NULL,
    loaded          bigint NOT NULL,
    duplicate       bigint NOT NULL,
    quarantined     bigint NOT NULL,
    first_error     text,                          -- "line 17: wrong_type: temperature is a string"
    loaded_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket, key),                     -- no object is ever loaded twice
    CONSTRAINT object_conserves_rows CHECK (rows_read = loaded + duplicate + quarantined)
);
CREATE INDEX load_objects_by_partition ON load_objects (stream, lane, partition_start);
CREATE INDEX load_objects_by_load ON load_objects (load_id);

-- An object of one partition may hold messages of two days: what was received on a day is counted here.
CREATE TABLE load_object_days (
    bucket   text NOT NULL,
    key      text NOT NULL,
    stream   text NOT NULL,
    lane     text NOT NULL,
    day      date NOT NULL,                        -- in UTC
    messages bigint NOT NULL CHECK (messages > 0),
    PRIMARY KEY (bucket, key, day),
    FOREIGN KEY (bucket, key) REFERENCES load_objects
);
CREATE INDEX load_object_days_by_day ON load_object_days (stream, lane, day);

CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream        text NOT NULL,
    bucket        text NOT NULL,
    key           text NOT NULL,
    line          bigint NOT NULL,                 -- of the object, from 1
    item          integer NOT NULL DEFAULT 0,      -- within the line: glued records and arrays hold several
    reason        text NOT NULL,
    detail        text NOT NULL,
    raw           bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (bucket, key, line, item),
    FOREIGN KEY (bucket, key) REFERENCES load_objects
);
CREATE INDEX quarantine_by_stream ON quarantine (stream, created_at);

-- SQS delivers at least once: a message that comes again after its object was loaded is known by its envelope's id.
CREATE TABLE queue_messages (
    message_id  text PRIMARY KEY,
    bucket      text NOT NULL,
    key         text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX queue_messages_by_age ON queue_messages (received_at);
