-- An undo of an import goes through what the import made in the order of ids, and asks what points to it.
DROP INDEX account_by_import;
DROP INDEX contact_by_import;
DROP INDEX product_by_import;
DROP INDEX opportunity_by_import;
DROP INDEX lead_by_import;
DROP INDEX activity_by_import;
DROP INDEX task_by_import;
CREATE INDEX account_by_import     ON account (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX contact_by_import     ON contact (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX product_by_import     ON product (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX opportunity_by_import ON opportunity (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX lead_by_import        ON lead (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX activity_by_import    ON activity (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX task_by_import        ON task (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX opportunity_by_contact ON opportunity (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX opportunity_by_lead    ON opportunity (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX lead_by_contact        ON lead (converted_contact_id) WHERE converted_contact_id IS NOT NULL;
CREATE INDEX lead_by_opportunity    ON lead (converted_opportunity_id) WHERE converted_opportunity_id IS NOT NULL;
CREATE INDEX price_by_product       ON price (product_id);

-- Work on many records that is done by a job: the instants at which its chunks were done. The events of a chunk share its instant,
-- so that the work is looked at and undone as one.
CREATE TABLE bulk_chunk (
    job_id  {id} NOT NULL REFERENCES job (id),
    at      BIGINT NOT NULL,
    last_id {id} NOT NULL,                       -- its events lie before this id
    PRIMARY KEY (job_id, at)
);
