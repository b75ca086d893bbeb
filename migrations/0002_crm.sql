-- CRM: accounts, contacts, leads, products, opportunities, activities, tasks.
-- Record tables share: id, version, owner_id, created_*, updated_*, deleted_at (trash), import_id (undo of an import).

CREATE TABLE account (
    id             {id} PRIMARY KEY,
    version        BIGINT NOT NULL,
    name           TEXT NOT NULL,
    name_key       {key} NOT NULL,
    external_id    {key},
    parent_id      {id} REFERENCES account (id),
    industry       TEXT,
    lifecycle      TEXT NOT NULL,               -- prospect | customer | loyal | former
    employees      BIGINT,
    annual_revenue BIGINT,
    currency       TEXT NOT NULL,
    founded_year   BIGINT,
    country        TEXT,
    province       TEXT,
    city           TEXT,
    address        TEXT,
    website        TEXT,
    phone          TEXT,
    credit_code    {key},
    source         TEXT,
    description    TEXT,
    owner_id       {id} NOT NULL REFERENCES person (id),
    created_at     BIGINT NOT NULL,
    created_by     {id},
    updated_at     BIGINT NOT NULL,
    updated_by     {id},
    deleted_at     BIGINT,
    import_id      {id}
);
CREATE INDEX account_by_name    ON account (name_key {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX account_by_updated ON account (updated_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX account_by_created ON account (created_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX account_by_owner   ON account (owner_id, name_key);
CREATE INDEX account_by_parent  ON account (parent_id);
CREATE INDEX account_by_external ON account (external_id);
CREATE UNIQUE INDEX account_by_credit_code ON account (credit_code) WHERE deleted_at IS NULL AND credit_code IS NOT NULL;
CREATE INDEX account_by_import  ON account (import_id) WHERE import_id IS NOT NULL;

-- People who work on an account beside its owner.
CREATE TABLE account_team (
    account_id {id} NOT NULL REFERENCES account (id),
    person_id  {id} NOT NULL REFERENCES person (id),
    duty       TEXT,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX account_team_by_person ON account_team (person_id, account_id);

CREATE TABLE contact (
    id          {id} PRIMARY KEY,
    version     BIGINT NOT NULL,
    name        TEXT NOT NULL,
    name_key    {key} NOT NULL,
    external_id {key},
    account_id  {id} REFERENCES account (id),
    job_title   TEXT,
    department  TEXT,
    buying_role TEXT,                           -- decision_maker | economic_buyer | champion | influencer | user | gatekeeper | blocker
    email       TEXT,
    mobile      TEXT,
    phone       TEXT,
    wechat      TEXT,
    description TEXT,
    owner_id    {id} NOT NULL REFERENCES person (id),
    created_at  BIGINT NOT NULL,
    created_by  {id},
    updated_at  BIGINT NOT NULL,
    updated_by  {id},
    deleted_at  BIGINT,
    import_id   {id}
);
CREATE INDEX contact_by_name    ON contact (name_key {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX contact_by_updated ON contact (updated_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX contact_by_account ON contact (account_id, name_key);
CREATE INDEX contact_by_owner   ON contact (owner_id, name_key);
CREATE INDEX contact_by_email   ON contact (email);
CREATE INDEX contact_by_external ON contact (external_id);
CREATE INDEX contact_by_import  ON contact (import_id) WHERE import_id IS NOT NULL;

CREATE TABLE product (
    id          {id} PRIMARY KEY,
    version     BIGINT NOT NULL,
    name        TEXT NOT NULL,
    name_key    {key} NOT NULL,
    code        {key} NOT NULL,
    family      TEXT,
    unit        TEXT,
    list_price  BIGINT NOT NULL,
    currency    TEXT NOT NULL,
    active      BOOLEAN NOT NULL,
    description TEXT,
    created_at  BIGINT NOT NULL,
    created_by  {id},
    updated_at  BIGINT NOT NULL,
    updated_by  {id},
    deleted_at  BIGINT,
    import_id   {id}
);
CREATE UNIQUE INDEX product_by_code ON product (code) WHERE deleted_at IS NULL;
CREATE INDEX product_by_import ON product (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX product_by_name ON product (name_key {first}, id) WHERE deleted_at IS NULL;

CREATE TABLE price_list (
    id        {id} PRIMARY KEY,
    version   BIGINT NOT NULL,
    name      TEXT NOT NULL,
    currency  TEXT NOT NULL,
    from_day  BIGINT,
    to_day    BIGINT,
    deleted_at BIGINT
);

CREATE TABLE price (
    price_list_id {id} NOT NULL REFERENCES price_list (id),
    product_id    {id} NOT NULL REFERENCES product (id),
    amount        BIGINT NOT NULL,
    PRIMARY KEY (price_list_id, product_id)
);

CREATE TABLE pipeline (
    id         {id} PRIMARY KEY,
    version    BIGINT NOT NULL,
    name       TEXT NOT NULL,
    position   BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE stage (
    id            {id} PRIMARY KEY,
    version       BIGINT NOT NULL,
    pipeline_id   {id} NOT NULL REFERENCES pipeline (id),
    name          TEXT NOT NULL,
    position      BIGINT NOT NULL,
    kind          TEXT NOT NULL,                -- open | won | lost: the name is free, the meaning is fixed
    probability   BIGINT NOT NULL,              -- percent
    expected_days BIGINT,
    deleted_at    BIGINT
);
CREATE INDEX stage_by_pipeline ON stage (pipeline_id, position);

-- What must be shown before a deal may leave a stage forward.
CREATE TABLE criterion (
    id       {id} PRIMARY KEY,
    stage_id {id} NOT NULL REFERENCES stage (id),
    position BIGINT NOT NULL,
    name     TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    field    TEXT,                              -- a field that must be filled; NULL: a statement with evidence
    deleted_at BIGINT
);
CREATE INDEX criterion_by_stage ON criterion (stage_id, position);

CREATE TABLE opportunity (
    id              {id} PRIMARY KEY,
    version         BIGINT NOT NULL,
    name            TEXT NOT NULL,
    name_key        {key} NOT NULL,
    external_id     {key},
    account_id      {id} REFERENCES account (id),
    contact_id      {id} REFERENCES contact (id),
    pipeline_id     {id} NOT NULL REFERENCES pipeline (id),
    stage_id        {id} NOT NULL REFERENCES stage (id),
    stage_kind      TEXT NOT NULL,              -- copied from the stage, for sums and indexes
    stage_since     BIGINT NOT NULL,
    probability     BIGINT NOT NULL,            -- percent
    amount          BIGINT NOT NULL,
    currency        TEXT NOT NULL,
    amount_base     BIGINT NOT NULL,            -- in the base currency, at the rate of the day; frozen when closed
    amount_typed    BOOLEAN NOT NULL,           -- false: the sum of the line items
    close_day       BIGINT NOT NULL,
    created_day     BIGINT NOT NULL,
    closed_day      BIGINT,
    next_step       TEXT,
    next_step_day   BIGINT,
    source          TEXT,
    competitors     TEXT,
    lost_reason     TEXT,
    lost_note       TEXT,
    description     TEXT,
    lead_id         {id},
    owner_id        {id} NOT NULL REFERENCES person (id),
    created_at      BIGINT NOT NULL,
    created_by      {id},
    updated_at      BIGINT NOT NULL,
    updated_by      {id},
    deleted_at      BIGINT,
    import_id       {id}
);
CREATE INDEX opportunity_by_name     ON opportunity (name_key {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_close    ON opportunity (close_day {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_updated  ON opportunity (updated_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_amount   ON opportunity (amount_base {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_stage    ON opportunity (stage_id, close_day, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_kind     ON opportunity (stage_kind, close_day {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_owner    ON opportunity (owner_id, stage_kind, close_day);
CREATE INDEX opportunity_by_owner_account ON opportunity (owner_id, account_id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_account  ON opportunity (account_id, close_day);
CREATE INDEX opportunity_by_closed   ON opportunity (closed_day) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_external ON opportunity (external_id);
CREATE INDEX opportunity_by_import   ON opportunity (import_id) WHERE import_id IS NOT NULL;
-- The board's header sums are answered from this index alone.
CREATE INDEX opportunity_sums ON opportunity (pipeline_id, stage_kind, stage_id, owner_id, amount_base, probability) WHERE deleted_at IS NULL;

CREATE TABLE line_item (
    id             {id} PRIMARY KEY,
    version        BIGINT NOT NULL,
    opportunity_id {id} NOT NULL REFERENCES opportunity (id),
    product_id     {id} NOT NULL REFERENCES product (id),
    quantity       BIGINT NOT NULL,             -- thousandths: 1500 is 1.5
    unit_price     BIGINT NOT NULL,
    discount       BIGINT NOT NULL,             -- hundredths of a percent
    amount         BIGINT NOT NULL,
    position       BIGINT NOT NULL
);
CREATE INDEX line_item_by_opportunity ON line_item (opportunity_id, position);
CREATE INDEX line_item_by_product ON line_item (product_id);

-- One narrow row per stage change: enough for "how long", "pipeline on 1 July" and "slipped deals".
CREATE TABLE stage_change (
    id             {id} PRIMARY KEY,
    opportunity_id {id} NOT NULL REFERENCES opportunity (id),
    from_stage_id  {id},
    from_kind      TEXT,
    to_stage_id    {id} NOT NULL,
    to_kind        TEXT NOT NULL,
    amount         BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    amount_base    BIGINT NOT NULL,
    close_day      BIGINT NOT NULL,
    at             BIGINT NOT NULL,
    by_id          {id},
    seconds        BIGINT NOT NULL,             -- time spent in the stage that was left
    reason         TEXT                         -- why it moved although evidence was missing
);
CREATE INDEX stage_change_by_opportunity ON stage_change (opportunity_id, at);
CREATE INDEX stage_change_by_stage ON stage_change (to_stage_id, at);
-- How far each deal came, from the index alone.
CREATE INDEX stage_change_reach ON stage_change (opportunity_id, to_stage_id);

CREATE TABLE evidence (
    opportunity_id {id} NOT NULL REFERENCES opportunity (id),
    criterion_id   {id} NOT NULL REFERENCES criterion (id),
    note           TEXT NOT NULL,
    by_id          {id},
    at             BIGINT NOT NULL,
    PRIMARY KEY (opportunity_id, criterion_id)
);

-- The buying committee of a deal.
CREATE TABLE opportunity_contact (
    opportunity_id {id} NOT NULL REFERENCES opportunity (id),
    contact_id     {id} NOT NULL REFERENCES contact (id),
    buying_role    TEXT,
    PRIMARY KEY (opportunity_id, contact_id)
);
CREATE INDEX opportunity_contact_by_contact ON opportunity_contact (contact_id);

CREATE TABLE lead (
    id                {id} PRIMARY KEY,
    version           BIGINT NOT NULL,
    name              TEXT NOT NULL,
    name_key          {key} NOT NULL,
    external_id       {key},
    company           TEXT,
    job_title         TEXT,
    email             TEXT,
    mobile            TEXT,
    source            TEXT,
    status            TEXT NOT NULL,            -- new | working | qualified | unqualified | converted
    industry          TEXT,
    country           TEXT,
    city              TEXT,
    interest          TEXT,
    estimated_amount  BIGINT,
    currency          TEXT NOT NULL,
    consent           TEXT NOT NULL,            -- unknown | given | withdrawn
    consent_day       BIGINT,
    disqualify_reason TEXT,
    description       TEXT,
    created_day       BIGINT NOT NULL,
    converted_at      BIGINT,
    converted_account_id     {id} REFERENCES account (id),
    converted_contact_id     {id} REFERENCES contact (id),
    converted_opportunity_id {id} REFERENCES opportunity (id),
    owner_id          {id} NOT NULL REFERENCES person (id),
    created_at        BIGINT NOT NULL,
    created_by        {id},
    updated_at        BIGINT NOT NULL,
    updated_by        {id},
    deleted_at        BIGINT,
    import_id         {id}
);
CREATE INDEX lead_by_name    ON lead (name_key {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX lead_by_created ON lead (created_day {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX lead_by_updated ON lead (updated_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX lead_by_owner   ON lead (owner_id, status, created_day);
CREATE INDEX lead_by_email   ON lead (email);
CREATE INDEX lead_by_external ON lead (external_id);
CREATE INDEX lead_by_import  ON lead (import_id) WHERE import_id IS NOT NULL;

CREATE TABLE activity (
    id             {id} PRIMARY KEY,
    version        BIGINT NOT NULL,
    kind           TEXT NOT NULL,               -- call | meeting | visit | mail | note
    subject        TEXT NOT NULL,
    body           TEXT,
    happened_at    BIGINT NOT NULL,
    minutes        BIGINT,
    outcome        TEXT,
    account_id     {id} REFERENCES account (id),
    contact_id     {id} REFERENCES contact (id),
    opportunity_id {id} REFERENCES opportunity (id),
    lead_id        {id} REFERENCES lead (id),
    owner_id       {id} NOT NULL REFERENCES person (id),
    created_at     BIGINT NOT NULL,
    created_by     {id},
    updated_at     BIGINT NOT NULL,
    updated_by     {id},
    deleted_at     BIGINT,
    import_id      {id}
);
CREATE INDEX activity_by_time        ON activity (happened_at {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX activity_by_owner       ON activity (owner_id, happened_at {first}, id);
CREATE INDEX activity_by_account     ON activity (account_id, happened_at);
CREATE INDEX activity_by_contact     ON activity (contact_id, happened_at);
CREATE INDEX activity_by_opportunity ON activity (opportunity_id, happened_at);
CREATE INDEX activity_by_lead        ON activity (lead_id, happened_at);
CREATE INDEX activity_by_import      ON activity (import_id) WHERE import_id IS NOT NULL;

CREATE TABLE task (
    id             {id} PRIMARY KEY,
    version        BIGINT NOT NULL,
    subject        TEXT NOT NULL,
    description    TEXT,
    due_day        BIGINT,
    priority       TEXT NOT NULL,               -- low | normal | high
    status         TEXT NOT NULL,               -- open | done
    done_at        BIGINT,
    account_id     {id} REFERENCES account (id),
    contact_id     {id} REFERENCES contact (id),
    opportunity_id {id} REFERENCES opportunity (id),
    lead_id        {id} REFERENCES lead (id),
    owner_id       {id} NOT NULL REFERENCES person (id),
    created_at     BIGINT NOT NULL,
    created_by     {id},
    updated_at     BIGINT NOT NULL,
    updated_by     {id},
    deleted_at     BIGINT,
    import_id      {id}
);
CREATE INDEX task_by_due         ON task (due_day {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX task_by_owner       ON task (owner_id, status, due_day);
CREATE INDEX task_by_creator     ON task (created_by);
CREATE INDEX task_by_account     ON task (account_id);
CREATE INDEX task_by_contact     ON task (contact_id);
CREATE INDEX task_by_opportunity ON task (opportunity_id, status, due_day);
CREATE INDEX task_by_lead        ON task (lead_id);
CREATE INDEX task_by_import      ON task (import_id) WHERE import_id IS NOT NULL;
