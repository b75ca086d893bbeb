-- One address, however it was typed: contacts and leads are matched by it. People's stand in lower case already.
UPDATE contact SET email = LOWER(email) WHERE email <> LOWER(email);
UPDATE lead SET email = LOWER(email) WHERE email <> LOWER(email);
