-- What retention took away. So the equations hold on: a stream's readings and its dropped readings are the sum of loaded
-- over both lanes, its quarantined rows and its dropped ones the sum of quarantined.

CREATE TABLE dropped_rows (
    stream     text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('readings', 'quarantine')),
    before     timestamptz NOT NULL,               -- readings: by event time; quarantine: by when it was quarantined
    number     bigint NOT NULL CHECK (number > 0),
    dropped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, kind, before)
);
