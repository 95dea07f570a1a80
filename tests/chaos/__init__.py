"""Proof of the guarantee after a revocation: a model, histories, checkers, and a cluster under faults."""
