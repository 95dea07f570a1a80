"""The pure core: functions of facts and `now`, without I/O.

Rule 1: nothing here waits, reads a clock, opens a file or a socket, draws a random number or logs. Rule 2:
nothing here depends on Tornado. Import-linter enforces both rules.
"""

__all__: list[str] = []
