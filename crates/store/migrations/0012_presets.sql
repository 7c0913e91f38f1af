-- Presets by their names: the version that the name stands for (empty once it was removed), the newest that was ever made, the
-- bytes of all of them, and the number of the last change.
CREATE TABLE presets (
    name TEXT NOT NULL PRIMARY KEY,
    used BIGINT,
    newest BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    change BIGINT NOT NULL
);

CREATE UNIQUE INDEX presets_change ON presets (change);

-- Versions, which never change and whose numbers are never used again. A version's change is the one with which it began to be
-- served.
CREATE TABLE preset_versions (
    name TEXT NOT NULL REFERENCES presets (name),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    change BIGINT NOT NULL,
    spec TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

-- Changes, which only grow; presets that are not removed, and their bytes, which have a bound.
INSERT INTO counters (name, value) VALUES ('preset_changes', 0), ('presets', 0), ('preset_bytes', 0);
