-- Indexes for a full house. SQLite answers from an index alone only if it also holds `deleted_at`, though it is always NULL there.

-- Figures by owner, source and account (analysis, home) are read from here, in the order of owners.
CREATE INDEX opportunity_figures ON opportunity
    (owner_id, stage_kind, closed_day, created_day, amount_base, source, account_id, stage_id, close_day, probability, pipeline_id,
     lost_reason, deleted_at) WHERE deleted_at IS NULL;

-- Also holds what is added up by month.
DROP INDEX opportunity_by_kind;
CREATE INDEX opportunity_by_kind ON opportunity
    (stage_kind, close_day {first}, id, stage_id, closed_day, lost_reason, amount_base, probability, deleted_at)
    WHERE deleted_at IS NULL;

DROP INDEX opportunity_sums;
CREATE INDEX opportunity_sums ON opportunity
    (pipeline_id, stage_kind, stage_id, owner_id, amount_base, probability, created_day, deleted_at) WHERE deleted_at IS NULL;

-- Whether anything happened on a deal lately.
DROP INDEX activity_by_opportunity;
CREATE INDEX activity_by_opportunity ON activity (opportunity_id, happened_at, deleted_at);

-- Most activities name neither a contact nor a lead: they need not be kept in order among each other.
DROP INDEX activity_by_contact;
CREATE INDEX activity_by_contact ON activity (contact_id, happened_at) WHERE contact_id IS NOT NULL;
DROP INDEX activity_by_lead;
CREATE INDEX activity_by_lead ON activity (lead_id, happened_at) WHERE lead_id IS NOT NULL;
