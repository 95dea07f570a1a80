"""The meaning of each cause of a refusal, and its remedy: for `trail show --ref`, and for the documents."""

from __future__ import annotations

from stormdoor.core.denial import Denial

__all__ = ["MEANINGS", "REMEDIES"]

MEANINGS: dict[Denial, str] = {
    Denial.MALFORMED: "The request names no Host, uses HTTP/1.0, or has no `Sec-WebSocket-Key` of 16 bytes.",
    Denial.INSECURE_TRANSPORT: "Plaintext from another machine.",
    Denial.HOST: "The Host is not one of `hosts`.",
    Denial.ORIGIN: "The page's Origin is not one of `origins`, is `null`, or is missing beside a cookie.",
    Denial.HANDSHAKE_RATE: "A limit on requests of one address is reached, such as `handshakes_per_address`.",
    Denial.NO_CREDENTIAL: "There is no credential in any place where an authenticator looks.",
    Denial.AMBIGUOUS_CREDENTIAL: "There are two credentials.",
    Denial.BAD_CREDENTIAL: "The credential is forged, unknown, misused, or its principal is disabled.",
    Denial.EXPIRED: "The credential, its session or the connection has expired.",
    Denial.REVOKED: "The credential or its principal has been revoked.",
    Denial.BACKOFF: "Too many credentials from this address, or passwords for this account, were wrong.",
    Denial.AUTHENTICATION_TIMEOUT: "The authenticator took longer than `authentication_seconds`.",
    Denial.FORBIDDEN: "The policies do not allow it.",
    Denial.STEP_UP: "It would be allowed, were the authentication fresher or stronger.",
    Denial.UNDECLARED: "The endpoint has no declaration.",
    Denial.TOO_MANY_CONNECTIONS: "`connections_per_address` or `connections_per_principal` is reached.",
    Denial.BUSY: (
        "`connections`, `unfinished_logins` or `buffered_bytes` is reached, or too many passwords are being "
        "verified."
    ),
    Denial.UNAVAILABLE: (
        "The store does not answer, the trail cannot be written, or the lease of the process has lapsed."
    ),
    Denial.INTERNAL: "An unforeseen error, or the handler raised.",
    Denial.INVALID_MESSAGE: (
        "The message is no command, has a field too many, nests too deep, or breaks RFC 6455."
    ),
    Denial.MESSAGE_TOO_LARGE: "The message has more than `message_bytes`.",
    Denial.MESSAGE_RATE: "A rate of messages or bytes, or the limit of the action, is reached.",
    Denial.SLOW_CONSUMER: "The client does not read what is sent to it.",
    Denial.SLOW_REQUEST: "The body of a request comes too slowly.",
    Denial.ENDED: "The connection has ended already.",
    Denial.SHUTDOWN: "The server is shutting down.",
    Denial.RESTART: "This process restarts. The reason of the close says when to return.",
}
"""The meaning of each cause. INVARIANT: every `Denial` has exactly one row."""

REMEDIES: dict[Denial, str] = {
    Denial.MALFORMED: "Let the client send a complete HTTP/1.1 request; a proxy must pass `Upgrade` on.",
    Denial.INSECURE_TRANSPORT: "Use `https` and `wss`; name the proxy in `trusted_proxies`.",
    Denial.HOST: "Add the name to `hosts`, or open the address that is listed there.",
    Denial.ORIGIN: "Add the page's origin to `origins`, if the page is yours.",
    Denial.HANDSHAKE_RATE: "Wait as long as `Retry-After` says; raise the limit for a shared address.",
    Denial.NO_CREDENTIAL: "Log in, or send a token or key.",
    Denial.AMBIGUOUS_CREDENTIAL: "Send one of them only.",
    Denial.BAD_CREDENTIAL: "Log in again; `stormdoor principals list` shows disabled accounts.",
    Denial.EXPIRED: "Log in again, or fetch another token.",
    Denial.REVOKED: "Log in again; `stormdoor trail show` names the operator and the reason.",
    Denial.BACKOFF: "Wait as long as `Retry-After` says, then use the right password.",
    Denial.AUTHENTICATION_TIMEOUT: "Try again; look why the provider or store is slow.",
    Denial.FORBIDDEN: "Give the principal a role with the permission.",
    Denial.STEP_UP: "Authenticate again, or with a second factor.",
    Denial.UNDECLARED: "Declare a permission for the endpoint.",
    Denial.TOO_MANY_CONNECTIONS: "Close other tabs and programs; raise the limit.",
    Denial.BUSY: "Try again later; raise the limit, or add a process.",
    Denial.UNAVAILABLE: "Follow the runbook.",
    Denial.INTERNAL: "Read the traceback in the log.",
    Denial.INVALID_MESSAGE: "Correct the message of the client.",
    Denial.MESSAGE_TOO_LARGE: "Send less in one message, or raise `message_bytes`.",
    Denial.MESSAGE_RATE: "Send more slowly, or raise the rate.",
    Denial.SLOW_CONSUMER: "Read faster, or subscribe to less.",
    Denial.SLOW_REQUEST: "Send the body faster; check the network.",
    Denial.ENDED: "Connect again.",
    Denial.SHUTDOWN: "Connect again later.",
    Denial.RESTART: "Connect again after the seconds of the reason.",
}
"""The remedy for each cause. INVARIANT: likewise."""
