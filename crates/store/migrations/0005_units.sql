-- What was used beside tokens (pictures, milliseconds of sound …), as JSON; empty for nearly all.
ALTER TABLE records ADD COLUMN units TEXT;
