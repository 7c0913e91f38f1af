-- Of which exchange a record is a copy, and how their answers compare, as JSON; empty for nearly all. Whoever compares a
-- candidate looks at these alone, whatever else lies in the ledger.
ALTER TABLE records ADD COLUMN shadow TEXT;
CREATE INDEX records_shadow ON records (id) WHERE shadow IS NOT NULL;
