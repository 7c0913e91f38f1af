-- What was done to the JSON of an answer, as JSON; empty for nearly all.
ALTER TABLE records ADD COLUMN heal TEXT;
