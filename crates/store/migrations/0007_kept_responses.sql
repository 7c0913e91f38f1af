-- Responses that the gateway keeps itself, so that a later request can continue them. What was said in them is sealed with the
-- server key (BLOB is spelt BYTEA in PostgreSQL); a conversation is all that goes back to the same first response.
CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL,
    used_at BIGINT NOT NULL
);

CREATE INDEX conversations_key ON conversations (key_id, used_at);
CREATE INDEX conversations_used ON conversations (used_at);

CREATE TABLE kept_responses (
    id TEXT NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations (id),
    key_id TEXT NOT NULL,
    previous_id TEXT,
    created_at BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sealed BLOB NOT NULL
);

CREATE INDEX kept_responses_conversation ON kept_responses (conversation);

-- What each key has kept, in the same transaction as the rows that it sums.
CREATE TABLE kept_bytes (
    key_id TEXT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL
);

-- Owners of responses at providers are forgotten by their age.
CREATE INDEX owned_objects_age ON owned_objects (kind, created_at);
