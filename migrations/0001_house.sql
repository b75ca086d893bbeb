-- The house: organisation, people, access, history, jobs, files, views, imports.
-- Conventions: docs of crates/store/src/lib.rs. Placeholders: crates/store/src/migrate.rs.

CREATE TABLE organization (
    id                 BIGINT PRIMARY KEY,      -- always 1: one organisation per database
    version            BIGINT NOT NULL,
    name               TEXT NOT NULL,
    base_currency      TEXT NOT NULL,
    fiscal_start_month BIGINT NOT NULL,         -- 1 to 12
    fiscal_calendar    TEXT NOT NULL,           -- months | 4-4-5
    locale             TEXT NOT NULL,
    zone               TEXT NOT NULL,           -- IANA name
    secret             TEXT NOT NULL,           -- signs cookies and cursors
    config_version     BIGINT NOT NULL,         -- grows with every change of settings, so that servers reload them
    lines_as_of        BIGINT NOT NULL          -- the day for which person_below was last worked out
);

CREATE TABLE person (
    id            {id} PRIMARY KEY,
    version       BIGINT NOT NULL,
    name          TEXT NOT NULL,
    name_key      {key} NOT NULL,
    email         {key} NOT NULL UNIQUE,        -- lower case
    password_hash TEXT,
    state         TEXT NOT NULL,                -- invited | active | disabled
    title         TEXT,
    office        TEXT,
    locale        TEXT,                         -- NULL: the organisation's
    theme         TEXT NOT NULL,                -- light | dark | auto
    density       TEXT NOT NULL,                -- normal | compact
    shortcuts     BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    created_by    {id},
    updated_at    BIGINT NOT NULL,
    updated_by    {id},
    deleted_at    BIGINT,
    import_id     {id}
);
CREATE INDEX person_by_name ON person (name_key, id);

CREATE TABLE person_role (
    person_id {id} NOT NULL REFERENCES person (id),
    role      TEXT NOT NULL,
    PRIMARY KEY (person_id, role)
);

-- Who reports to whom, from when to when. A person without a line reports to nobody; no manager layer is needed.
CREATE TABLE reporting_line (
    id         {id} PRIMARY KEY,
    person_id  {id} NOT NULL REFERENCES person (id),
    manager_id {id} NOT NULL REFERENCES person (id),
    from_day   BIGINT NOT NULL,
    to_day     BIGINT                            -- last day, NULL: still so
);
CREATE INDEX reporting_line_by_person ON reporting_line (person_id, from_day);
CREATE INDEX reporting_line_by_manager ON reporting_line (manager_id);

-- Worked out from reporting_line for one day: everybody below a manager, and each person below themselves.
CREATE TABLE person_below (
    manager_id {id} NOT NULL,
    person_id  {id} NOT NULL,
    PRIMARY KEY (manager_id, person_id)
);

CREATE TABLE invitation (
    token_hash TEXT PRIMARY KEY,
    person_id  {id} NOT NULL REFERENCES person (id),
    created_by {id},
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    person_id  {id} NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    agent      TEXT
);
CREATE INDEX session_by_person ON session (person_id);

CREATE TABLE api_token (
    id         {id} PRIMARY KEY,
    person_id  {id} NOT NULL REFERENCES person (id),
    name       TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,                    -- space-separated: read write
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_at    BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_token_by_person ON api_token (person_id);

-- What a role may do with a kind of record. Levels: none | own | team | all.
CREATE TABLE access_rule (
    role        TEXT NOT NULL,
    object      TEXT NOT NULL,
    read_level  TEXT NOT NULL,
    write_level TEXT NOT NULL,
    may_create  BOOLEAN NOT NULL,
    may_export  BOOLEAN NOT NULL,
    PRIMARY KEY (role, object)
);

-- The company-wide default: everybody with any right on the object reads at least this much.
CREATE TABLE default_access (
    object     TEXT PRIMARY KEY,
    read_level TEXT NOT NULL
);

CREATE TABLE hidden_field (
    object TEXT NOT NULL,
    field  TEXT NOT NULL,
    role   TEXT NOT NULL,
    PRIMARY KEY (object, field, role)
);

CREATE TABLE record_share (
    object     TEXT NOT NULL,
    record_id  {id} NOT NULL,
    person_id  {id} NOT NULL REFERENCES person (id),
    may_write  BOOLEAN NOT NULL,
    created_by {id},
    created_at BIGINT NOT NULL,
    PRIMARY KEY (record_id, person_id)
);
CREATE INDEX record_share_by_person ON record_share (person_id, object, record_id);

-- 1 unit of `currency` is worth `rate` units of the base currency, from on_day on.
CREATE TABLE fx_rate (
    currency TEXT NOT NULL,
    on_day   BIGINT NOT NULL,
    rate     TEXT NOT NULL,                      -- a decimal number as text: exact
    PRIMARY KEY (currency, on_day)
);

-- Fiscal periods, worked out in one place and joined as a table. kind: month | quarter | year.
CREATE TABLE period (
    kind        TEXT NOT NULL,
    first_day   BIGINT NOT NULL,
    last_day    BIGINT NOT NULL,
    fiscal_year BIGINT NOT NULL,
    number      BIGINT NOT NULL,                 -- 1 to 12, 1 to 4, 1
    PRIMARY KEY (kind, first_day)
);

CREATE TABLE event (
    id           {id} PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor_id     {id},
    via          TEXT NOT NULL,
    kind         TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id   {id} NOT NULL,
    account_id   {id},
    version      BIGINT NOT NULL,
    changes      TEXT NOT NULL,                  -- JSON: [{"f": field, "o": old, "n": new}]
    reason       TEXT
);
CREATE INDEX event_by_subject ON event (subject_id, id);
CREATE INDEX event_by_account ON event (account_id, id);

CREATE TABLE job (
    id               {id} PRIMARY KEY,
    kind             TEXT NOT NULL,
    payload          TEXT NOT NULL,
    state            TEXT NOT NULL,              -- queued | running | done | failed | cancelled
    cursor           TEXT,
    done             BIGINT NOT NULL,
    total            BIGINT,
    result           TEXT,
    created_by       {id},
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    alive_at         BIGINT,
    finished_at      BIGINT,
    cancel_requested BOOLEAN NOT NULL
);
CREATE INDEX job_waiting ON job (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX job_by_person ON job (created_by, created_at);

CREATE TABLE idempotency (
    key          TEXT NOT NULL,
    person_id    {id} NOT NULL,
    request_hash TEXT NOT NULL,
    status       BIGINT NOT NULL,
    etag         TEXT,
    body         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (person_id, key)
);

CREATE TABLE saved_view (
    id         {id} PRIMARY KEY,
    version    BIGINT NOT NULL,
    object     TEXT NOT NULL,
    name       TEXT NOT NULL,
    owner_id   {id} NOT NULL REFERENCES person (id),
    audience   TEXT NOT NULL,                    -- private | team | all
    query      TEXT NOT NULL,                    -- filters and sort as in the address bar
    columns    TEXT NOT NULL,                    -- field keys, comma-separated
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX saved_view_by_object ON saved_view (object, owner_id);

CREATE TABLE stored_file (
    id         {id} PRIMARY KEY,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    sha256     TEXT NOT NULL,
    created_by {id},
    created_at BIGINT NOT NULL
);

CREATE TABLE attachment (
    id           {id} PRIMARY KEY,
    version      BIGINT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id   {id} NOT NULL,
    file_id      {id} NOT NULL REFERENCES stored_file (id),
    created_by   {id},
    created_at   BIGINT NOT NULL,
    deleted_at   BIGINT
);
CREATE INDEX attachment_by_subject ON attachment (subject_id);

CREATE TABLE import_mapping (
    id         {id} PRIMARY KEY,
    version    BIGINT NOT NULL,
    name       TEXT NOT NULL,
    object     TEXT NOT NULL,
    mapping    TEXT NOT NULL,                    -- TOML
    owner_id   {id} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE import (
    id         {id} PRIMARY KEY,
    version    BIGINT NOT NULL,
    object     TEXT NOT NULL,
    name       TEXT NOT NULL,                    -- what the file was called
    file_id    {id} NOT NULL REFERENCES stored_file (id),
    mapping    TEXT NOT NULL,
    state      TEXT NOT NULL,                    -- mapping | checking | checked | running | done | cancelled | failed | undoing | undone
    job_id     {id},
    rows_total BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    skipped    BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    owner_id   {id} NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    undone_at  BIGINT
);
CREATE INDEX import_by_owner ON import (owner_id, created_at);

-- Rows that could not be taken in, rows that wait for a record further down in the file, rows that changed an existing
-- record (for undo), and what an undo had to leave as it is because somebody changed it since.
CREATE TABLE import_row (
    import_id  {id} NOT NULL,
    row_number BIGINT NOT NULL,
    action     TEXT NOT NULL,                    -- failed | waiting | updated | kept
    record_id  {id},
    version    BIGINT,                           -- of the record after the update
    cells      TEXT,                             -- JSON array: the row as it was in the file
    errors     TEXT,                             -- JSON array of {field, message key, arguments}
    PRIMARY KEY (import_id, row_number)
);
CREATE INDEX import_row_by_action ON import_row (import_id, action, row_number);
CREATE INDEX import_row_by_record ON import_row (import_id, record_id) WHERE record_id IS NOT NULL;

-- sqlite:
CREATE TABLE search_doc (
    rowid      INTEGER PRIMARY KEY AUTOINCREMENT,
    subject_id BLOB NOT NULL UNIQUE,
    kind       TEXT NOT NULL
);
CREATE VIRTUAL TABLE search_account     USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_contact     USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_lead        USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_opportunity USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_product     USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_activity    USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
-- end
-- postgres:
CREATE TABLE search_doc (
    subject_id UUID PRIMARY KEY,
    kind       TEXT NOT NULL,
    open       TSVECTOR NOT NULL,
    everything TSVECTOR NOT NULL
);
CREATE INDEX search_account     ON search_doc USING gin (open) WHERE kind = 'account';
CREATE INDEX search_contact     ON search_doc USING gin (open) WHERE kind = 'contact';
CREATE INDEX search_contact_all ON search_doc USING gin (everything) WHERE kind = 'contact';
CREATE INDEX search_lead        ON search_doc USING gin (open) WHERE kind = 'lead';
CREATE INDEX search_lead_all    ON search_doc USING gin (everything) WHERE kind = 'lead';
CREATE INDEX search_account_all ON search_doc USING gin (everything) WHERE kind = 'account';
CREATE INDEX search_opportunity ON search_doc USING gin (open) WHERE kind = 'opportunity';
CREATE INDEX search_product     ON search_doc USING gin (open) WHERE kind = 'product';
CREATE INDEX search_activity    ON search_doc USING gin (open) WHERE kind = 'activity';
-- end
