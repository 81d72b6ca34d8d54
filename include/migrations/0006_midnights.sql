-- Messages around midnight, which CloudWatch counts on the next day, are told apart from lost ones; and what was delivered
-- twice from both.

ALTER TABLE reconciliations
    ADD COLUMN received_before bigint NOT NULL DEFAULT 0 CHECK (received_before >= 0),
    ADD COLUMN counted_after   bigint NOT NULL DEFAULT 0 CHECK (counted_after >= 0),
    ADD COLUMN surplus         bigint NOT NULL DEFAULT 0 CHECK (surplus >= 0),
    DROP CONSTRAINT reconciliation_adds_up;

UPDATE reconciliations SET surplus = -unaccounted, unaccounted = 0 WHERE unaccounted < 0;

ALTER TABLE reconciliations
    ADD CONSTRAINT nothing_is_lost_below_0 CHECK (unaccounted >= 0),
    ADD CONSTRAINT reconciliation_adds_up CHECK (
        published - received_before + counted_after = accounted + in_flight + unaccounted - surplus
    );
