-- mode: transaction
-- min_code: 1
--
-- The names by which a revocation finds an open connection, for a dry run. Older code lists none of them:
-- its rows have no issued_at.

ALTER TABLE live_connection ADD COLUMN issued_at DOUBLE PRECISION;
ALTER TABLE live_connection ADD COLUMN tenant TEXT COLLATE "C";
ALTER TABLE live_connection ADD COLUMN roles TEXT COLLATE "C" NOT NULL DEFAULT '[]';
ALTER TABLE live_connection ADD COLUMN session_id TEXT COLLATE "C";
ALTER TABLE live_connection ADD COLUMN credential_id TEXT COLLATE "C";
ALTER TABLE live_connection ADD COLUMN device_id TEXT COLLATE "C";
ALTER TABLE live_connection ADD COLUMN token_hash TEXT COLLATE "C";
