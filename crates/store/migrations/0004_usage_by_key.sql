-- What a key has cost is asked for by its owner: the index holds all that is asked.
CREATE INDEX usage_hours_key ON usage_hours (key_id, hour, cost_nanos);
