"""Fixtures of the rules: one folder a rule, and what is asserted about all of them."""
