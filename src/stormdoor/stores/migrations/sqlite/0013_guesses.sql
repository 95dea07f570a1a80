-- min_code: 0008
--
-- Failed logins with a password, by a keyed hash of the account, or of the account and the address. They
-- belong to no row of an account: a name without an account is counted in the same way.

CREATE TABLE guess (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_guess_last ON guess (last);
