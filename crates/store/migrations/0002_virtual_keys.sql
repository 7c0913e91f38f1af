-- Virtual keys. Their secrets are not here, only what recognises them.
CREATE TABLE virtual_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT,
    disabled INTEGER NOT NULL,
    version BIGINT NOT NULL
);

CREATE UNIQUE INDEX virtual_keys_version ON virtual_keys (version);

-- One row for each secret that a key ever had, as a keyed hash (BLOB is spelt BYTEA in PostgreSQL). good_until is
-- empty for the current one.
CREATE TABLE key_secrets (
    key_hash BLOB NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES virtual_keys (id),
    good_until BIGINT
);

CREATE INDEX key_secrets_key ON key_secrets (key_id);
