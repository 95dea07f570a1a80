-- min_code: 0008
--
-- The names by which a revocation finds an open connection, for a dry run. Older code lists none of them:
-- its rows have no issued_at.

ALTER TABLE live_connection ADD COLUMN issued_at DOUBLE;
ALTER TABLE live_connection ADD COLUMN tenant TEXT;
ALTER TABLE live_connection ADD COLUMN roles TEXT DEFAULT '[]' NOT NULL;
ALTER TABLE live_connection ADD COLUMN session_id TEXT;
ALTER TABLE live_connection ADD COLUMN credential_id TEXT;
ALTER TABLE live_connection ADD COLUMN device_id TEXT;
ALTER TABLE live_connection ADD COLUMN token_hash TEXT;
