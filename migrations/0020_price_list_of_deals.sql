-- The price list that a deal goes by; without one, the newest in force in its currency.
ALTER TABLE opportunity ADD COLUMN price_list_id {id} REFERENCES price_list (id);
