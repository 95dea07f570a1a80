-- min_code: 0008
--
-- Searches of the trail by time, address and reference. The last two read the sealed entry itself, so that an
-- erasure removes their values, too. They hold the last three bytes of an address and the first two of a
-- reference: whole values are in no order, so that each entry would change pages of its own.
--
-- The indexes of principal and actor leave out the entries that have none. So much less is written for each of
-- them that it pays for a part of the others.

DROP INDEX ix_trail_principal;
DROP INDEX ix_trail_actor;
CREATE INDEX ix_trail_principal ON trail (principal) WHERE principal IS NOT NULL;
CREATE INDEX ix_trail_actor ON trail (actor) WHERE actor IS NOT NULL;

CREATE INDEX ix_trail_time ON trail (time);

-- The bytes are "address":", " and "ref":".
CREATE INDEX ix_trail_address ON trail (
    substr(
        personal,
        instr(personal, X'2261646472657373223a22') + 7
        + instr(substr(personal, instr(personal, X'2261646472657373223a22') + 11), X'22'),
        3
    )
) WHERE instr(personal, X'2261646472657373223a22') > 0;

CREATE INDEX ix_trail_ref ON trail (
    substr(personal, instr(personal, X'22726566223a22') + 7, 2)
) WHERE instr(personal, X'22726566223a22') > 0;
