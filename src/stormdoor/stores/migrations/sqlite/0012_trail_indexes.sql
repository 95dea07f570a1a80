-- min_code: 0008
--
-- Searches of the trail by time, address and reference. The last two read the sealed entry itself, so that an
-- erasure removes their values, too: the bytes from the name of the field to the next quotation mark.
--
-- The indexes of principal and actor leave out the entries that have none. So much less is written for each of
-- them that it pays for most of the others.

DROP INDEX ix_trail_principal;
DROP INDEX ix_trail_actor;
CREATE INDEX ix_trail_principal ON trail (principal) WHERE principal IS NOT NULL;
CREATE INDEX ix_trail_actor ON trail (actor) WHERE actor IS NOT NULL;

CREATE INDEX ix_trail_time ON trail (time);

CREATE INDEX ix_trail_address ON trail (
    substr(
        personal,
        instr(personal, CAST('"address":"' AS BLOB)) + 11,
        instr(substr(personal, instr(personal, CAST('"address":"' AS BLOB)) + 11), X'22') - 1
    )
) WHERE instr(personal, CAST('"address":"' AS BLOB)) > 0;

CREATE INDEX ix_trail_ref ON trail (
    substr(
        personal,
        instr(personal, CAST('"ref":"' AS BLOB)) + 7,
        instr(substr(personal, instr(personal, CAST('"ref":"' AS BLOB)) + 7), X'22') - 1
    )
) WHERE instr(personal, CAST('"ref":"' AS BLOB)) > 0;
