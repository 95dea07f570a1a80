"""Attacks for each threat: first on a site without stormdoor, then on the demo.

If an attack cannot succeed, its failure proves nothing. So each attack first runs on a small application of
plain Tornado without the check that stops it. There it must succeed.
"""
