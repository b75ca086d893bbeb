-- What was written and never read. Nothing was ever signed with the secret; and that an amount was typed is seen where it is not the
-- sum of the deal's lines.
ALTER TABLE organization DROP COLUMN secret;
ALTER TABLE opportunity DROP COLUMN amount_typed;
