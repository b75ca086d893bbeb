-- The audit log looks for what one person did, and for the rare events of the house among the many of the records.
CREATE INDEX event_by_actor ON event (actor_id, id);
CREATE INDEX event_of_house ON event (id) WHERE subject_type IN ('person', 'settings', 'audit');
