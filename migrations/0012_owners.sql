-- What somebody sees by owning it, and by owning a deal of it: for each account that comes along in a list or a search, whether
-- one of its deals is theirs. SQLite answers from an index alone only if it also holds `deleted_at`; without, it went through
-- all deals of the owner each time.
DROP INDEX opportunity_by_owner_account;
CREATE INDEX opportunity_by_account_owner ON opportunity (account_id, owner_id, deleted_at) WHERE deleted_at IS NULL;
DROP INDEX account_by_name;
CREATE INDEX account_by_name ON account (name_key {first}, id, owner_id, deleted_at) WHERE deleted_at IS NULL;

-- A seller's open deals in the order in which their list stands, and their board by stage.
DROP INDEX opportunity_by_owner;
CREATE INDEX opportunity_by_owner ON opportunity (owner_id, stage_kind, close_day {first}, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunity_by_owner_stage ON opportunity (owner_id, stage_id, close_day, id) WHERE deleted_at IS NULL;

-- What somebody last changed (home, command palette).
CREATE INDEX opportunity_by_owner_updated ON opportunity (owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX account_by_owner_updated ON account (owner_id, updated_at, id) WHERE deleted_at IS NULL;

-- postgres:
-- The newest records of a kind, whose words are looked at first.
CREATE INDEX search_doc_newest ON search_doc (kind, subject_id);
-- end
