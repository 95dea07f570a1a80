-- mode: transaction
-- min_code: 1
--
-- Searches of the trail by time, address and reference. The last two read the sealed entry itself, so that an
-- erasure removes their values, too.
--
-- PostgreSQL creates no index of a partitioned table concurrently. Appends wait meanwhile, with their entries
-- in the memory of the nodes.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_listed_time ON trail (time, number) WHERE number IS NOT NULL;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_address ON trail (
    substring(encode(personal, 'escape') FROM '"address":"([^"]*)"'), number
) WHERE substring(encode(personal, 'escape') FROM '"address":"([^"]*)"') IS NOT NULL;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ix_trail_ref ON trail (
    substring(encode(personal, 'escape') FROM '"ref":"([^"]*)"')
) WHERE substring(encode(personal, 'escape') FROM '"ref":"([^"]*)"') IS NOT NULL;
