-- mode: transaction
-- min_code: 1
--
-- Failed logins with a password, by a keyed hash of the account, or of the account and the address. They
-- belong to no row of an account: a name without an account is counted in the same way.

CREATE TABLE guess (
    key text COLLATE "C" PRIMARY KEY,
    count bigint NOT NULL,
    last double precision NOT NULL
);
CREATE INDEX ix_guess_last ON guess (last);

GRANT SELECT, INSERT, UPDATE, DELETE ON guess TO stormdoor_app;
