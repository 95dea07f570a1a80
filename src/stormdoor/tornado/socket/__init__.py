"""The socket of one guarded connection, and the subclass of a handler that delegates to it.

`handshake` has the steps from the request to the open socket. `output` has the messages of the server and
the end of the connection. `guarded` has the messages of the client, and the sockets of handlers that decode
these themselves. `commands` has the sockets of handlers with commands, `handler` the subclass, and `facts`
the facts about a class that its sockets share.
"""

__all__: list[str] = []
