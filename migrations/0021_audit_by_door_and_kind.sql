-- The audit log looks for what came through one door, or for what rarely happens, among the many events of pages and records.
CREATE INDEX event_by_door ON event (via, id) WHERE via <> 'page';
CREATE INDEX event_of_rare_kind ON event (kind, id) WHERE kind NOT IN ('created', 'updated');
