-- mode: transaction
-- min_code: 1
--
-- The first schema of PostgreSQL: the tables of SQLite, with these differences.
--
-- * Every text sorts by its bytes (COLLATE "C"), as on SQLite.
-- * The trail has one chain for each start of a node, and a root chain that records their heads.
-- * Two roles have different rights: the application cannot change or remove an entry of the trail.
--
-- `stormdoor migrate` runs this file with `search_path = stormdoor`.

CREATE TABLE account (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C",
    attributes TEXT NOT NULL,
    password_hash TEXT,
    disabled BOOLEAN NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE account_role (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, role)
);

-- A revocation of a tenant or a role does not walk all accounts.
CREATE INDEX ix_account_tenant ON account (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX ix_account_role_role ON account_role (role);

-- `last_seen_at` changes each minute. It is in no index, so a page with free space takes the new row (HOT).
CREATE TABLE session (
    id TEXT COLLATE "C" PRIMARY KEY,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_at DOUBLE PRECISION NOT NULL,
    born_at DOUBLE PRECISION NOT NULL,
    authenticated_at DOUBLE PRECISION NOT NULL,
    last_seen_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    idle_seconds DOUBLE PRECISION NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    user_agent TEXT COLLATE "C" NOT NULL,
    strength BIGINT NOT NULL,
    device_id TEXT COLLATE "C",
    acr TEXT COLLATE "C",
    issuer TEXT COLLATE "C",
    provider_subject TEXT COLLATE "C",
    provider_session TEXT COLLATE "C",
    log_epoch TEXT COLLATE "C",
    log_seq BIGINT
) WITH (fillfactor = 85);

CREATE INDEX ix_session_principal_id ON session (principal_id);
CREATE INDEX ix_session_device_id ON session (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX ix_session_expires_at ON session (expires_at);

-- A logout at the provider names one or both. Sessions of other logins are not in the indexes.
CREATE INDEX ix_session_provider_subject ON session (issuer, provider_subject)
WHERE provider_subject IS NOT NULL;

CREATE INDEX ix_session_provider_session ON session (issuer, provider_session)
WHERE provider_session IS NOT NULL;

CREATE TABLE api_key (
    id TEXT COLLATE "C" PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION,
    last_used_at DOUBLE PRECISION,
    last_used_from TEXT COLLATE "C",
    successor TEXT COLLATE "C",
    log_epoch TEXT COLLATE "C",
    log_seq BIGINT
);

CREATE INDEX ix_api_key_principal_id ON api_key (principal_id);

-- No foreign key to `session`: a credential that is not a stored session may request a ticket, too.
CREATE TABLE ticket (
    id TEXT COLLATE "C" PRIMARY KEY,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    session_id TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C",
    endpoint TEXT COLLATE "C" NOT NULL,
    issued_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    authenticated_at DOUBLE PRECISION NOT NULL,
    strength BIGINT NOT NULL,
    log_epoch TEXT COLLATE "C",
    log_seq BIGINT
);

CREATE INDEX ix_ticket_principal_id ON ticket (principal_id);
CREATE INDEX ix_ticket_session_id ON ticket (session_id);
CREATE INDEX ix_ticket_expires_at ON ticket (expires_at);

-- Logged, as every table here: an unlogged one is empty after a failover, and a used value would be accepted
-- again.
CREATE TABLE nonce (
    purpose TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (purpose, value)
);

CREATE INDEX ix_nonce_expires_at ON nonce (expires_at);

-- No foreign key to `session`, as with a ticket.
CREATE TABLE pending (
    id TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" REFERENCES account (id) ON DELETE CASCADE,
    session_id TEXT COLLATE "C",
    data TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL
);

CREATE INDEX ix_pending_session_id ON pending (session_id);
CREATE INDEX ix_pending_principal_id ON pending (principal_id);
CREATE INDEX ix_pending_expires_at ON pending (expires_at);
CREATE INDEX ix_pending_unauthenticated ON pending (purpose, expires_at) WHERE principal_id IS NULL;

CREATE TABLE identity (
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    linked_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX ix_identity_principal_id ON identity (principal_id);

CREATE TABLE familiar_address (
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    address TEXT COLLATE "C" NOT NULL,
    seen_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (principal_id, address)
);

CREATE INDEX ix_familiar_address_seen_at ON familiar_address (seen_at);

CREATE TABLE factor (
    id TEXT COLLATE "C" PRIMARY KEY,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    secret TEXT NOT NULL,
    handle TEXT COLLATE "C" UNIQUE,
    counter BIGINT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    last_used_at DOUBLE PRECISION,
    details TEXT NOT NULL
);

CREATE INDEX ix_factor_principal_id ON factor (principal_id);

CREATE TABLE recovery_code (
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (principal_id, hash)
);

CREATE TABLE factor_failure (
    principal_id TEXT COLLATE "C" PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    failures BIGINT NOT NULL,
    last_at DOUBLE PRECISION NOT NULL
);

-- The log of revocations. A counter in a row, not a sequence: its lock makes the order of `seq` the order of
-- the commits, without a gap.
CREATE TABLE counter (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO counter (name, value) VALUES ('revocation', 0);

-- `epoch` is the random part of the epoch. The WAL timeline and the system identifier complete it: they tell
-- a promoted standby from its old primary, which has the same row.
CREATE TABLE revocation_log (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    epoch TEXT COLLATE "C" NOT NULL,
    newest_at DOUBLE PRECISION
) WITH (fillfactor = 10);

INSERT INTO revocation_log (id, epoch) VALUES (1, replace(gen_random_uuid()::TEXT, '-', ''));

CREATE TABLE revocation (
    seq BIGINT PRIMARY KEY,
    target TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    epoch TEXT COLLATE "C" NOT NULL DEFAULT '',
    by_time BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX ix_revocation_value ON revocation (value, target);

-- The members: one row for each node. `alive_at` is the time of this server.
CREATE TABLE node (
    id TEXT COLLATE "C" PRIMARY KEY,
    alive_at DOUBLE PRECISION NOT NULL,
    beat BIGINT NOT NULL DEFAULT 0,
    declared BOOLEAN NOT NULL DEFAULT TRUE,
    log_epoch TEXT COLLATE "C" NOT NULL DEFAULT '',
    log_seq BIGINT NOT NULL DEFAULT 0,
    lease DOUBLE PRECISION NOT NULL DEFAULT 0,
    version TEXT COLLATE "C" NOT NULL DEFAULT '',
    policies TEXT COLLATE "C" NOT NULL DEFAULT '',
    connections BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE live_connection (
    node TEXT COLLATE "C" NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    opened_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (node, id)
);

-- The budget of the entries that unauthenticated clients cause.
CREATE TABLE trail_state (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    budget_spent_until DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 10);

INSERT INTO trail_state (id, budget_spent_until) VALUES (1, 0);

-- Chain 0 is the root chain: its entries record the heads of the others. `start` names the start of the node
-- that a chain belongs to. `rooted_seq` is the newest position of the chain that the root chain records, in its
-- entry `rooted_in`, since `rooted_at` by the clock of this server.
CREATE TABLE trail_chain (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    start TEXT COLLATE "C" NOT NULL UNIQUE,
    head_seq BIGINT NOT NULL,
    head_hash TEXT COLLATE "C" NOT NULL,
    anchor_seq BIGINT NOT NULL,
    anchor_hash TEXT COLLATE "C" NOT NULL,
    month BIGINT NOT NULL,
    rooted_seq BIGINT NOT NULL,
    rooted_in BIGINT NOT NULL,
    rooted_at DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 50);

INSERT INTO trail_chain (id, start, head_seq, head_hash, anchor_seq, anchor_hash, month, rooted_seq, rooted_in, rooted_at)
VALUES (0, 'root', 0, repeat('0', 64), 0, repeat('0', 64), 0, 0, 0, 0);

CREATE INDEX ix_trail_chain_rooted_in ON trail_chain (rooted_in) WHERE head_seq > anchor_seq;

-- The order in which entries of different chains are listed. Not sealed; it may have gaps.
CREATE SEQUENCE trail_number AS BIGINT;

-- `month` (202611) never goes back in a chain, so that a month is always a beginning of what a chain still
-- has. `number` is NULL in the root chain. The last four columns are copies from `body` and `personal`, for
-- searches. Not chained, so they prove nothing.
CREATE TABLE trail (
    month BIGINT NOT NULL,
    chain BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    number BIGINT,
    body BYTEA NOT NULL,
    personal BYTEA,
    salt TEXT COLLATE "C",
    commitment TEXT COLLATE "C" NOT NULL,
    previous TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C",
    actor TEXT COLLATE "C",
    PRIMARY KEY (chain, seq, month)
) PARTITION BY LIST (month);

CREATE INDEX ix_trail_number ON trail (number) WHERE number IS NOT NULL;
CREATE INDEX ix_trail_time ON trail USING brin (time);
CREATE INDEX ix_trail_principal ON trail (principal, number) WHERE principal IS NOT NULL;
CREATE INDEX ix_trail_actor ON trail (actor, number) WHERE actor IS NOT NULL;

-- Only the owner of the tables can add and drop a partition, so these functions run with the owner's rights.
-- Attaching a table does not lock out readers and writers of the others; CREATE ... PARTITION OF would.
CREATE FUNCTION trail_add_month(added BIGINT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stormdoor, pg_temp AS $$
BEGIN
    IF added < 197001 OR added > 999912 OR added % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION 'not a month: %', added;
    END IF;
    PERFORM pg_advisory_xact_lock(21316, 3);
    IF to_regclass(format('stormdoor.trail_%s', added)) IS NULL THEN
        EXECUTE format('CREATE TABLE trail_%s (LIKE trail INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', added);
        EXECUTE format('ALTER TABLE trail ATTACH PARTITION trail_%s FOR VALUES IN (%s)', added, added);
    END IF;
END $$;

CREATE FUNCTION trail_drop_month(dropped BIGINT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stormdoor, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE trail_%s', dropped);
END $$;

-- The rights. `stormdoor_app` is the role of the nodes; `stormdoor_keeper` does retention and erasure, too.
GRANT USAGE ON SCHEMA stormdoor TO stormdoor_app, stormdoor_keeper;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    account, account_role, session, api_key, ticket, nonce, pending, identity, familiar_address, factor,
    recovery_code, factor_failure, counter, revocation_log, revocation, node, live_connection
TO stormdoor_app;

GRANT SELECT ON schema_version TO stormdoor_app, stormdoor_keeper;
GRANT SELECT, UPDATE ON trail_state TO stormdoor_app;
GRANT SELECT, INSERT, UPDATE (head_seq, head_hash, month, rooted_seq, rooted_in, rooted_at) ON trail_chain
TO stormdoor_app;
GRANT SELECT, INSERT ON trail TO stormdoor_app;
GRANT USAGE, SELECT ON trail_number TO stormdoor_app;

GRANT SELECT, DELETE, UPDATE (anchor_seq, anchor_hash) ON trail_chain TO stormdoor_keeper;
GRANT SELECT, DELETE, UPDATE (personal, salt, principal, actor) ON trail TO stormdoor_keeper;

REVOKE ALL ON FUNCTION trail_add_month(BIGINT), trail_drop_month(BIGINT) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trail_add_month(BIGINT) TO stormdoor_app;
GRANT EXECUTE ON FUNCTION trail_drop_month(BIGINT) TO stormdoor_keeper;
