-- What was said and is to be done with a contact, and hangs nowhere else, belongs to the contact's account, also if the contact got it
-- later.
UPDATE activity SET account_id = (SELECT c.account_id FROM contact c WHERE c.id = activity.contact_id)
 WHERE account_id IS NULL AND opportunity_id IS NULL AND contact_id IS NOT NULL
   AND EXISTS (SELECT 1 FROM contact c WHERE c.id = activity.contact_id AND c.account_id IS NOT NULL);
UPDATE task SET account_id = (SELECT c.account_id FROM contact c WHERE c.id = task.contact_id)
 WHERE account_id IS NULL AND opportunity_id IS NULL AND contact_id IS NOT NULL
   AND EXISTS (SELECT 1 FROM contact c WHERE c.id = task.contact_id AND c.account_id IS NOT NULL);

-- Until then it is seen by who sees the contact: those without an account, by owner.
CREATE INDEX contact_of_no_account ON contact (owner_id, id, deleted_at) WHERE account_id IS NULL;
