"""The lab: every threat of the catalogue on a vulnerable, a hand-guarded and a guarded server."""
