-- Whether a person agreed to be contacted, as on leads; nobody knows of those who are there already.
ALTER TABLE contact ADD COLUMN consent TEXT NOT NULL DEFAULT 'unknown'; -- unknown | given | withdrawn
ALTER TABLE contact ADD COLUMN consent_day BIGINT;

-- What is to be done with a record, the earliest first, and what was done, the latest first: both in the order of one index.
DROP INDEX task_by_account;
CREATE INDEX task_by_account ON task (account_id, status, due_day {first}, id);
DROP INDEX task_by_opportunity;
CREATE INDEX task_by_opportunity ON task (opportunity_id, status, due_day {first}, id);
-- Many tasks name neither a contact nor a lead.
DROP INDEX task_by_contact;
CREATE INDEX task_by_contact ON task (contact_id, status, due_day {first}, id) WHERE contact_id IS NOT NULL;
DROP INDEX task_by_lead;
CREATE INDEX task_by_lead ON task (lead_id, status, due_day {first}, id) WHERE lead_id IS NOT NULL;
