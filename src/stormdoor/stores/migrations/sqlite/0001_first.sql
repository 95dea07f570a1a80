-- The first schema.
--
-- The version table keeps the name that Alembic gave it, so that older versions of stormdoor read it.
-- WITHOUT ROWID: SQLite stores the table in the tree of its primary key, so a look-up descends one tree.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE account (
    id TEXT NOT NULL,
    tenant TEXT,
    attributes TEXT NOT NULL,
    password_hash TEXT,
    disabled BOOLEAN NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE TABLE account_role (
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (account_id, role),
    FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE session (
    id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    authenticated_at DOUBLE NOT NULL,
    last_seen_at DOUBLE NOT NULL,
    expires_at DOUBLE NOT NULL,
    idle_seconds DOUBLE NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    strength INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_session_principal_id ON session (principal_id);

CREATE TABLE api_key (
    id TEXT NOT NULL,
    hash TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at DOUBLE NOT NULL,
    expires_at DOUBLE,
    last_used_at DOUBLE,
    last_used_from TEXT,
    successor TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_api_key_principal_id ON api_key (principal_id);

-- No foreign key to `session`: a credential that is not a stored session may request a ticket, too.
CREATE TABLE ticket (
    id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    origin TEXT,
    endpoint TEXT NOT NULL,
    issued_at DOUBLE NOT NULL,
    expires_at DOUBLE NOT NULL,
    authenticated_at DOUBLE NOT NULL,
    strength INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_ticket_principal_id ON ticket (principal_id);
CREATE INDEX ix_ticket_session_id ON ticket (session_id);

CREATE TABLE nonce (
    purpose TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at DOUBLE NOT NULL,
    PRIMARY KEY (purpose, value)
) WITHOUT ROWID;

CREATE INDEX ix_nonce_expires_at ON nonce (expires_at);

CREATE TABLE counter (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);

INSERT INTO counter (name, value) VALUES ('revocation', 0);

CREATE TABLE revocation (
    seq INTEGER NOT NULL,
    target TEXT NOT NULL,
    value TEXT NOT NULL,
    at DOUBLE NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (seq)
);

-- The last four columns are copies from `body` and `personal`, for searches. Not chained, so they prove
-- nothing.
CREATE TABLE trail (
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    personal BLOB,
    salt TEXT,
    commitment TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    time DOUBLE NOT NULL,
    name TEXT NOT NULL,
    principal TEXT,
    actor TEXT,
    PRIMARY KEY (seq)
);

CREATE INDEX ix_trail_principal ON trail (principal);
CREATE INDEX ix_trail_actor ON trail (actor);

CREATE TABLE trail_state (
    id INTEGER NOT NULL CHECK (id = 1),
    head_seq BIGINT NOT NULL,
    head_hash TEXT NOT NULL,
    anchor_seq BIGINT NOT NULL,
    anchor_hash TEXT NOT NULL,
    unlocked BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);

INSERT INTO trail_state (id, head_seq, head_hash, anchor_seq, anchor_hash, unlocked)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '0000000000000000000000000000000000000000000000000000000000000000', 0);

CREATE TABLE node (
    id TEXT NOT NULL,
    alive_at DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE live_connection (
    node TEXT NOT NULL,
    id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    address TEXT NOT NULL,
    opened_at DOUBLE NOT NULL,
    PRIMARY KEY (node, id),
    FOREIGN KEY(node) REFERENCES node (id) ON DELETE CASCADE
) WITHOUT ROWID;

-- INVARIANT: an entry of the trail is never changed, except by the erasure of its personal part, and never
-- removed, except by retention. Both unlock the trail within their own transaction. The third trigger
-- prevents `INSERT OR REPLACE`, which removes a row without running the second.
CREATE TRIGGER trail_is_append_only_update BEFORE UPDATE ON trail
WHEN NOT COALESCE((SELECT unlocked FROM trail_state), 0)
  OR NEW.personal IS NOT NULL OR NEW.salt IS NOT NULL
  OR NEW.principal IS NOT NULL OR NEW.actor IS NOT NULL
  OR NEW.seq <> OLD.seq OR NEW.time <> OLD.time OR NEW.name <> OLD.name
  OR NEW.body <> OLD.body OR NEW.commitment <> OLD.commitment
  OR NEW.previous <> OLD.previous OR NEW.hash <> OLD.hash
BEGIN
  SELECT RAISE(ABORT, 'the trail is append-only');
END;

CREATE TRIGGER trail_is_append_only_delete BEFORE DELETE ON trail
WHEN NOT COALESCE((SELECT unlocked FROM trail_state), 0)
BEGIN
  SELECT RAISE(ABORT, 'the trail is append-only');
END;

CREATE TRIGGER trail_is_append_only_insert BEFORE INSERT ON trail
WHEN NEW.seq <= COALESCE((SELECT head_seq FROM trail_state), NEW.seq)
BEGIN
  SELECT RAISE(ABORT, 'the trail is append-only');
END;

INSERT INTO alembic_version (version_num) VALUES ('0001');
