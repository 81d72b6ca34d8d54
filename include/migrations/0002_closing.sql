-- What closing a day finds. Closed again, a day is judged and counted anew.

CREATE TABLE quality_checks (
    stream     text NOT NULL,
    day        date NOT NULL,                      -- in UTC
    check_name text NOT NULL,
    subject    text NOT NULL DEFAULT '',           -- the field, where the check is about one
    observed   double precision NOT NULL,
    low        double precision,                   -- the bounds, where there are any
    high       double precision,
    passed     boolean NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, day, check_name, subject),
    CONSTRAINT passed_is_within_bounds
        CHECK (passed = (observed >= coalesce(low, '-infinity') AND observed <= coalesce(high, 'infinity')))
);

CREATE TABLE reconciliations (
    stream        text NOT NULL,
    lane          text NOT NULL CHECK (lane IN ('lake', 'queue')),
    day           date NOT NULL,                   -- of receipt, in UTC
    published     bigint NOT NULL CHECK (published >= 0),
    accounted     bigint NOT NULL CHECK (accounted >= 0),  -- messages of the ledger
    in_flight     bigint NOT NULL CHECK (in_flight >= 0),
    unaccounted   bigint NOT NULL,
    reconciled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, lane, day),
    CONSTRAINT reconciliation_adds_up CHECK (published = accounted + in_flight + unaccounted)
);
