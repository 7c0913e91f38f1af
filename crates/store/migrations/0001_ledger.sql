-- The ledger: one row for each exchange. Its id begins with its time, so rows lie in the order of time.
CREATE TABLE records (
    id TEXT NOT NULL PRIMARY KEY,
    started_at_us BIGINT NOT NULL,
    key_id TEXT,
    key_name TEXT,
    dialect TEXT NOT NULL,
    operation TEXT NOT NULL,
    model_requested TEXT NOT NULL,
    model_served TEXT,
    provider TEXT,
    upstream_id TEXT,
    attempts TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error_code TEXT,
    finish_reason TEXT,
    streamed INTEGER NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    token_source TEXT NOT NULL,
    cost_nanos BIGINT,
    first_byte_us BIGINT,
    total_us BIGINT NOT NULL,
    overhead_us BIGINT NOT NULL,
    lossy TEXT
);

CREATE INDEX records_started_at ON records (started_at_us);

-- Sums of whole hours, kept in the same transaction as the rows they sum. An empty text stands for none.
CREATE TABLE usage_hours (
    hour BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    PRIMARY KEY (hour, key_id, model, provider)
);

-- How much of each segment of the spool is in the tables above.
CREATE TABLE spool_position (
    segment TEXT NOT NULL PRIMARY KEY,
    stored_bytes BIGINT NOT NULL
);

-- Numbers that only grow: starts of the server, changes of virtual keys.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('boots', 0), ('key_changes', 0);

-- Facts about the store itself.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
