-- How an exchange was routed, as JSON; NULL where there was no choice.
ALTER TABLE records ADD COLUMN route TEXT;
