"""`stormdoor run`: start a program, guard every Tornado application in it, and end what listens unguarded.

The parent (`command`) starts the program and watches its listeners. Inside each Python of the program, a hook
(`startup/`) waits until a server of Tornado is about to listen, and lets `in_process` guard it.
"""

__all__: list[str] = []
