-- mode: transaction
-- min_code: 1
--
-- Searches of the trail by time, address and reference. The last two read the sealed entry itself, so that an
-- erasure removes their values, too. They hold the last three bytes of an address and the first two of a
-- reference: whole values are in no order, so that each entry would change pages of its own, and a long one
-- has no room in an index.
--
-- PostgreSQL creates no index of a partitioned table concurrently. Appends wait meanwhile, with their entries
-- in the memory of the nodes.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_listed_time ON trail (time, number) WHERE number IS NOT NULL;

-- The bytes are "address":", " and "ref":".
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_address ON trail (
    substring(
        personal
        FROM position('\x2261646472657373223a22'::bytea IN personal) + 7 + position(
            '\x22'::bytea IN substring(personal FROM position('\x2261646472657373223a22'::bytea IN personal) + 11)
        ) FOR 3
    ),
    number
) WHERE position('\x2261646472657373223a22'::bytea IN personal) > 0;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_ref ON trail (
    substring(personal FROM position('\x22726566223a22'::bytea IN personal) + 7 FOR 2), number
) WHERE position('\x22726566223a22'::bytea IN personal) > 0;
