-- Tasks and people are found by words as the other kinds are. Names are found by every reading of their characters and sort by the
-- usual one in a place or a surname: what was indexed before is indexed anew when the program opens the database.
ALTER TABLE organization ADD COLUMN words_edition BIGINT NOT NULL DEFAULT 0;  -- of store::search, by which records were indexed

-- sqlite:
CREATE VIRTUAL TABLE search_task   USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
CREATE VIRTUAL TABLE search_person USING fts5 (open, private, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', detail=column);
-- end
-- postgres:
CREATE INDEX search_task       ON search_doc USING gin (open) WHERE kind = 'task';
CREATE INDEX search_person     ON search_doc USING gin (open) WHERE kind = 'person';
CREATE INDEX search_person_all ON search_doc USING gin (everything) WHERE kind = 'person';
-- end
