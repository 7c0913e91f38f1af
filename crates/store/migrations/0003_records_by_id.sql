-- Ids begin with their time: what is asked for by time is found by the primary key.
DROP INDEX records_started_at;
