-- The time of the login that a session descends from; the number of unfinished anonymous logins.

ALTER TABLE session ADD COLUMN born_at DOUBLE DEFAULT '0' NOT NULL;

-- Existing sessions may have been rotated, and the time of their login was not recorded. So this is the
-- earliest possible time. A session with a time that is too early must log in again after a revocation
-- by time; one with a time that is too late would escape it.
UPDATE session SET born_at = CASE WHEN authenticated_at < created_at THEN authenticated_at ELSE created_at END;

-- With `principal_id`, so that a count reads only the index.
CREATE INDEX ix_pending_nobodys ON pending (purpose, principal_id, expires_at) WHERE principal_id IS NULL;
