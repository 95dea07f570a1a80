-- min_code: 0008
--
-- The oldest code that works on this schema, as the number of the newest migration which that code knows.
-- A later migration that only adds names it in its first line, so that this code still opens the file.

ALTER TABLE alembic_version ADD COLUMN min_code VARCHAR(32) DEFAULT '0008' NOT NULL;
