-- The epoch of the log of revocations, and the position at which each credential was issued.
--
-- Existing credentials have no position, so time decides about them.

ALTER TABLE session ADD COLUMN log_epoch TEXT;
ALTER TABLE session ADD COLUMN log_seq BIGINT;
ALTER TABLE ticket ADD COLUMN log_epoch TEXT;
ALTER TABLE ticket ADD COLUMN log_seq BIGINT;
ALTER TABLE api_key ADD COLUMN log_epoch TEXT;
ALTER TABLE api_key ADD COLUMN log_seq BIGINT;
ALTER TABLE revocation ADD COLUMN epoch TEXT DEFAULT '' NOT NULL;
ALTER TABLE revocation ADD COLUMN by_time BOOLEAN DEFAULT 0 NOT NULL;

CREATE TABLE revocation_log (
    id INTEGER NOT NULL CHECK (id = 1),
    epoch TEXT NOT NULL,
    newest_at DOUBLE,
    inode BIGINT NOT NULL,
    PRIMARY KEY (id)
);

-- The store begins an epoch when it opens the file; this value is a placeholder.
INSERT INTO revocation_log (id, epoch, newest_at, inode) VALUES (1, '', NULL, 0);
