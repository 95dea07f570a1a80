"""Twins: small programs in pairs, a guarded and a broken one, that differ in one line."""
