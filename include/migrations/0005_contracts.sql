-- What a stream's `where` leaves out is counted, as is what a field's `on_error: null` made null; and a rejected row says
-- where it came from.

ALTER TABLE load_objects
    ADD COLUMN filtered bigint NOT NULL DEFAULT 0,     -- rows that the stream's conditions leave out
    ADD COLUMN nulled   bigint NOT NULL DEFAULT 0,     -- values of readings that did not fit, and became null
    DROP CONSTRAINT object_conserves_rows,
    ADD CONSTRAINT object_conserves_rows CHECK (rows_read = loaded + duplicate + quarantined + filtered);

ALTER TABLE loads
    ADD COLUMN filtered bigint NOT NULL DEFAULT 0,
    ADD COLUMN nulled   bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT load_conserves_rows,
    ADD CONSTRAINT load_conserves_rows CHECK (rows_read = loaded + duplicate + quarantined + filtered);

ALTER TABLE quarantine
    ADD COLUMN topic       text,                       -- of the message, where its envelope says it
    ADD COLUMN received_at timestamptz,                -- by the topic rule
    ADD COLUMN reading     integer;                    -- which one of the payload `raw`, from 0; null: all of it

-- Each stream's file as it was last applied: a change of it that would mix two meanings in one column is refused.
CREATE TABLE stream_contracts (
    stream     text PRIMARY KEY,
    document   jsonb NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
