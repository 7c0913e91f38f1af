-- The model that a job was asked of, by the name that its key used; empty for all but jobs.
ALTER TABLE owned_objects ADD COLUMN model TEXT NOT NULL DEFAULT '';
