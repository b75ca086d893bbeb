-- Since when a move does not count any more: it was taken back, or it is the one that took it back. The history keeps both; what
-- tells how far deals came skips both.
ALTER TABLE stage_change ADD COLUMN taken_back_at BIGINT;
-- How the deal stood before the move, so that taking it back puts it there: since when it was in the stage that it left, and what
-- it was worth in base currency.
ALTER TABLE stage_change ADD COLUMN from_since BIGINT;
ALTER TABLE stage_change ADD COLUMN from_amount_base BIGINT;
DROP INDEX stage_change_reach;
CREATE INDEX stage_change_reach ON stage_change (opportunity_id, to_stage_id, taken_back_at);

-- A removed stage counts as the one that stood before it, or else behind it: deals that came as far as there keep how far they
-- came. It shares the position of the stage that it counts as.
ALTER TABLE stage ADD COLUMN counts_as_id {id} REFERENCES stage (id);
UPDATE stage SET counts_as_id = COALESCE(
    (SELECT l.id FROM stage l WHERE l.pipeline_id = stage.pipeline_id AND l.kind = stage.kind AND l.deleted_at IS NULL
        AND l.position <= stage.position ORDER BY l.position DESC LIMIT 1),
    (SELECT l.id FROM stage l WHERE l.pipeline_id = stage.pipeline_id AND l.kind = stage.kind AND l.deleted_at IS NULL
      ORDER BY l.position LIMIT 1))
 WHERE deleted_at IS NOT NULL;
UPDATE stage SET position = (SELECT l.position FROM stage l WHERE l.id = stage.counts_as_id) WHERE counts_as_id IS NOT NULL;
