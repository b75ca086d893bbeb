-- How often in a row a job was put off because there was no room for its next portion: it waits longer each time.
ALTER TABLE job ADD COLUMN put_off BIGINT NOT NULL DEFAULT 0;
