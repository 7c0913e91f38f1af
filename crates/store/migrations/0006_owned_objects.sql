-- Files and batches at providers: which virtual key each belongs to, and the account (a credential) that knows it. Ids are the
-- provider's own; no object has two owners.
CREATE TABLE owned_objects (
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    credential TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider, kind, id)
);

CREATE INDEX owned_objects_key ON owned_objects (key_id, kind, id);
