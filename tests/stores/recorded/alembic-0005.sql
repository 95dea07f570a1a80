BEGIN TRANSACTION;
CREATE TABLE account (
	id TEXT NOT NULL, 
	tenant TEXT, 
	attributes TEXT NOT NULL, 
	password_hash TEXT, 
	disabled BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "account" VALUES('alice','acme','{"department":"sales","lead":null,"level":3,"tags":["a","b"]}','$argon2id$...',0,1767225600.0);
CREATE TABLE account_role (
	account_id TEXT NOT NULL, 
	role TEXT NOT NULL, 
	PRIMARY KEY (account_id, role), 
	FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "account_role" VALUES('alice','member');
INSERT INTO "account_role" VALUES('alice','moderator');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
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
)
 WITHOUT ROWID

;
INSERT INTO "api_key" VALUES('k1','abababababababababababababababababababababababababababababababab','alice','the sensor, “roof”','["reading:*","reading:send"]','["192.0.2.0/24","2001:db8::/32"]',1767225600.0,1767226600.0,NULL,NULL,NULL);
CREATE TABLE counter (
	name TEXT NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "counter" VALUES('revocation',1);
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
)
 WITHOUT ROWID

;
CREATE TABLE factor_failure (
	principal_id TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	last_at DOUBLE NOT NULL, 
	PRIMARY KEY (principal_id), 
	FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE familiar_address (
	principal_id TEXT NOT NULL, 
	address TEXT NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	PRIMARY KEY (principal_id, address), 
	FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE identity (
	issuer TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	principal_id TEXT NOT NULL, 
	linked_at DOUBLE NOT NULL, 
	PRIMARY KEY (issuer, subject), 
	FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
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
)
 WITHOUT ROWID

;
CREATE TABLE node (
	id TEXT NOT NULL, 
	alive_at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE nonce (
	purpose TEXT NOT NULL, 
	value TEXT NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	PRIMARY KEY (purpose, value)
)
 WITHOUT ROWID

;
INSERT INTO "nonce" VALUES('jti','v1',1767225600.0);
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
)
 WITHOUT ROWID

;
CREATE TABLE recovery_code (
	principal_id TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (principal_id, hash), 
	FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE revocation (
	seq INTEGER NOT NULL, 
	target TEXT NOT NULL, 
	value TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "revocation" VALUES(1,'session','s9',1767225600.0,'logout');
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
	strength INTEGER NOT NULL, device_id TEXT, acr TEXT, issuer TEXT, provider_subject TEXT, provider_session TEXT, born_at DOUBLE DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(principal_id) REFERENCES account (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "session" VALUES('s1','alice',1767225600.0,1767225594.75,1767225601.5,1767312000.0,1800.0,'2001:db8::1','Mozilla/5.0 (é)',2,NULL,NULL,NULL,NULL,NULL,1767225594.75);
INSERT INTO "session" VALUES('s2','alice',1767225600.0,1767225601.0,1767225601.5,1767312000.0,1800.0,'2001:db8::1','Mozilla/5.0 (é)',2,NULL,NULL,NULL,NULL,NULL,1767225600.0);
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
)
 WITHOUT ROWID

;
INSERT INTO "ticket" VALUES('t1','alice','s1','https://app.example','/ws/chat',1767225600.0,1767225630.0,1767225539.5,2);
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
INSERT INTO "trail" VALUES(1,X'7B226361757365223A22666F7262696464656E222C226E616D65223A22617574687A5F6661696C222C22706F6C6963696573223A5B22726F6C653A6D656D626572225D2C2274696D65223A313736373232353630302E307D',X'7B2261646472657373223A223139322E302E322E31222C2264657461696C223A22697420697320736169642074686174E280A6222C227072696E636970616C223A22616C696365227D','d151d502a956f0186dad07a1f6b8c95c','70ea0d7db3032ea4e8f73df2e3e4203b3772ad2d983bba2fae01a1359b61280b','0000000000000000000000000000000000000000000000000000000000000000','3cff8ab0e3e9bf9314a816477a3104ad9aa0177229211a1080b8c89eead0d15d',1767225600.0,'authz_fail','alice',NULL);
CREATE TABLE trail_state (
	id INTEGER NOT NULL CHECK (id = 1), 
	head_seq BIGINT NOT NULL, 
	head_hash TEXT NOT NULL, 
	anchor_seq BIGINT NOT NULL, 
	anchor_hash TEXT NOT NULL, 
	unlocked BOOLEAN NOT NULL, budget_spent_until DOUBLE DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "trail_state" VALUES(1,1,'3cff8ab0e3e9bf9314a816477a3104ad9aa0177229211a1080b8c89eead0d15d',0,'0000000000000000000000000000000000000000000000000000000000000000',0,0.0);
CREATE INDEX ix_session_principal_id ON session (principal_id);
CREATE INDEX ix_api_key_principal_id ON api_key (principal_id);
CREATE INDEX ix_ticket_principal_id ON ticket (principal_id);
CREATE INDEX ix_ticket_session_id ON ticket (session_id);
CREATE INDEX ix_nonce_expires_at ON nonce (expires_at);
CREATE INDEX ix_trail_principal ON trail (principal);
CREATE INDEX ix_trail_actor ON trail (actor);
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
CREATE INDEX ix_session_provider_subject ON session (issuer, provider_subject) WHERE provider_subject IS NOT NULL;
CREATE INDEX ix_session_provider_session ON session (issuer, provider_session) WHERE provider_session IS NOT NULL;
CREATE INDEX ix_pending_expires_at ON pending (expires_at);
CREATE INDEX ix_pending_principal_id ON pending (principal_id);
CREATE INDEX ix_pending_session_id ON pending (session_id);
CREATE INDEX ix_identity_principal_id ON identity (principal_id);
CREATE INDEX ix_factor_principal_id ON factor (principal_id);
CREATE INDEX ix_pending_nobodys ON pending (purpose, principal_id, expires_at) WHERE principal_id IS NULL;
CREATE INDEX ix_familiar_address_seen_at ON familiar_address (seen_at);
COMMIT;
