-- mode: transaction
-- min_code: 1
--
-- The ids that a session had before it got a new secret, so that a logout with an old cookie, or a revocation
-- of an old id, ends it. They go with the session. Older code replaces a session without recording its id.

CREATE TABLE former_session_id (
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES session (id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE INDEX ix_former_session_id_session_id ON former_session_id (session_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON former_session_id TO stormdoor_app;
