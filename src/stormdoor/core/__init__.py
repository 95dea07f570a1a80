"""The pure core: facts and `now` in, values out.

Rule 1: nothing here waits, reads a clock, opens a file or a socket, draws a random number or logs.
Rule 2: nothing here knows Tornado. Import-linter enforces both rules.
"""

__all__: list[str] = []
