-- Second factors, identities at providers, and pending logins. Existing data does not change.

ALTER TABLE session ADD COLUMN device_id TEXT;
ALTER TABLE session ADD COLUMN acr TEXT;
ALTER TABLE session ADD COLUMN issuer TEXT;
ALTER TABLE session ADD COLUMN provider_subject TEXT;
ALTER TABLE session ADD COLUMN provider_session TEXT;

-- A logout at the provider names one or both. Sessions of other logins are not in the indexes.
CREATE INDEX ix_session_provider_subject ON session (issuer, provider_subject)
WHERE provider_subject IS NOT NULL;

CREATE INDEX ix_session_provider_session ON session (issuer, provider_session)
WHERE provider_session IS NOT NULL;

-- No foreign key to `session`, as with a ticket.
CREATE TABLE pending (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    principal_id TEXT,
    session_id TEXT,
    data TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    expires_at DOUBLE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_pending_session_id ON pending (session_id);
CREATE INDEX ix_pending_principal_id ON pending (principal_id);
CREATE INDEX ix_pending_expires_at ON pending (expires_at);

CREATE TABLE identity (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    linked_at DOUBLE NOT NULL,
    PRIMARY KEY (issuer, subject),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_identity_principal_id ON identity (principal_id);

CREATE TABLE factor (
    id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    handle TEXT,
    counter BIGINT NOT NULL,
    created_at DOUBLE NOT NULL,
    last_used_at DOUBLE,
    details TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE,
    UNIQUE (handle)
) WITHOUT ROWID;

CREATE INDEX ix_factor_principal_id ON factor (principal_id);

CREATE TABLE recovery_code (
    principal_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (principal_id, hash),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE factor_failure (
    principal_id TEXT NOT NULL,
    failures INTEGER NOT NULL,
    last_at DOUBLE NOT NULL,
    PRIMARY KEY (principal_id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;
