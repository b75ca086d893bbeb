-- What a job that works on many records did with each of them, so that every number on its page leads to the records that it
-- counts. Work from before this has no rows.
CREATE TABLE bulk_outcome (
    job_id    {id} NOT NULL REFERENCES job (id),
    outcome   TEXT NOT NULL,                     -- changed | left | conflicts | refused
    record_id {id} NOT NULL,
    problems  TEXT,                              -- of what breaks a rule: what is wrong, as JSON
    PRIMARY KEY (job_id, outcome, record_id)
);

-- Somebody's past work, a page at a time.
CREATE INDEX job_by_person_and_kind ON job (created_by, kind, id);
