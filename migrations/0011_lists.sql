-- Open deals, the largest first: without it every open deal was collected and sorted for a page of fifty.
CREATE INDEX opportunity_by_kind_amount ON opportunity (stage_kind, amount_base {first}, id) WHERE deleted_at IS NULL;

-- A seller's own deals in the order in which their list stands.
CREATE INDEX opportunity_by_owner_close ON opportunity (owner_id, close_day {first}, id) WHERE deleted_at IS NULL;
