-- An account's timeline shows the leads that became it.
CREATE INDEX lead_by_account ON lead (converted_account_id) WHERE converted_account_id IS NOT NULL;

-- What was said and is to be done on a deal belongs to the deal's account; so far it stayed where the deal was at the time.
UPDATE activity SET account_id = (SELECT o.account_id FROM opportunity o WHERE o.id = activity.opportunity_id)
 WHERE opportunity_id IS NOT NULL
   AND EXISTS (SELECT 1 FROM opportunity o WHERE o.id = activity.opportunity_id AND o.account_id IS NOT NULL
                  AND (activity.account_id IS NULL OR activity.account_id <> o.account_id));
UPDATE task SET account_id = (SELECT o.account_id FROM opportunity o WHERE o.id = task.opportunity_id)
 WHERE opportunity_id IS NOT NULL
   AND EXISTS (SELECT 1 FROM opportunity o WHERE o.id = task.opportunity_id AND o.account_id IS NOT NULL
                  AND (task.account_id IS NULL OR task.account_id <> o.account_id));
