-- What hangs on a record has a version of its own: notes as evidence, roles in a committee, duties in a team and shares are not
-- written over unseen. What is hung on anew begins with the time as its version, so that it is never taken for what hung there before.
ALTER TABLE evidence            ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE opportunity_contact ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE account_team        ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE record_share        ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
