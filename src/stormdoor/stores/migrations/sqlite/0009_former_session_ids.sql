-- min_code: 0008
--
-- The ids that a session had before it got a new secret, so that a logout with an old cookie, or a revocation
-- of an old id, ends it. They go with the session. Older code replaces a session without recording its id.

CREATE TABLE former_session_id (
    id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES session (id) ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;

CREATE INDEX ix_former_session_id_session_id ON former_session_id (session_id);
