-- min_code: 0008
--
-- The start of a process that the row of a node belongs to. Older code joins and beats without one.

ALTER TABLE node ADD COLUMN instance TEXT DEFAULT '' NOT NULL;
