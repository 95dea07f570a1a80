"""The socket of one guarded connection, and the subclass of a handler that delegates to it.

`handshake` has the steps from the request to the open socket, `output` what the server sends, `guarded` what
both kinds of messages share, `messages` and `commands` the two kinds, `handler` the subclass.
"""

__all__: list[str] = []
