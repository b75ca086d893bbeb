-- The rows behind the numbers of an import: now also the rows that changed nothing, and which earlier row of the file spoke of the
-- same record. action: failed | waiting | updated | skipped | kept.
ALTER TABLE import ADD COLUMN repeated BIGINT NOT NULL DEFAULT 0;   -- rows with the key of another row of the file
ALTER TABLE import_row ADD COLUMN same_as BIGINT;                   -- the number of that other row
CREATE INDEX import_row_repeated ON import_row (import_id, row_number) WHERE same_as IS NOT NULL;

-- An undo looks for what was changed only; a file that brings nothing new need not be in this index, row by row.
DROP INDEX import_row_by_record;
CREATE INDEX import_row_by_record ON import_row (import_id, record_id) WHERE action = 'updated';

-- What somebody did to many records at once is looked for among all that they did.
CREATE INDEX event_bulk ON event (actor_id, id) WHERE kind = 'bulk';
