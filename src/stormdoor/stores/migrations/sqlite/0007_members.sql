-- The beats of nodes, and indexes for revocations of a device, a role or a tenant. A node that an earlier
-- version of stormdoor has written never counts as alive.

ALTER TABLE node ADD COLUMN beat BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE node ADD COLUMN declared BOOLEAN DEFAULT 1 NOT NULL;
ALTER TABLE node ADD COLUMN log_epoch TEXT DEFAULT '' NOT NULL;
ALTER TABLE node ADD COLUMN log_seq BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE node ADD COLUMN lease DOUBLE DEFAULT 0 NOT NULL;
ALTER TABLE node ADD COLUMN version TEXT DEFAULT '' NOT NULL;
ALTER TABLE node ADD COLUMN policies TEXT DEFAULT '' NOT NULL;
ALTER TABLE node ADD COLUMN connections INTEGER DEFAULT 0 NOT NULL;

CREATE INDEX ix_revocation_value ON revocation (value, target);
CREATE INDEX ix_account_tenant ON account (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX ix_account_role_role ON account_role (role);
CREATE INDEX ix_session_device_id ON session (device_id) WHERE device_id IS NOT NULL;
