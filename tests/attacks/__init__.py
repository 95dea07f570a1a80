"""Each threat as an outsider carries it out: first on a site without a door, then on the demo.

An attack that cannot succeed proves nothing when it fails. So each is run on a small application of
plain Tornado that lacks what ends it, and there it must succeed.
"""
