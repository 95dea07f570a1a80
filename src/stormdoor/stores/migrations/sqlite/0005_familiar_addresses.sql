-- Addresses from which principals have logged in. Existing data does not change.

CREATE TABLE familiar_address (
    principal_id TEXT NOT NULL,
    address TEXT NOT NULL,
    seen_at DOUBLE NOT NULL,
    PRIMARY KEY (principal_id, address),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_familiar_address_seen_at ON familiar_address (seen_at);
