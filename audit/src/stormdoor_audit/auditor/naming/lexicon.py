"""Meanings of words in names: used only where a name cannot be resolved to code."""

import re
from functools import lru_cache

from stormdoor_audit.auditor.naming.vocabulary import (
    ACCESS,
    CREDENTIAL,
    IDENTITY,
    NEGATIVE,
    NOT_CREDENTIAL,
    OF_REQUESTS,
    OF_THINGS,
    RAISING,
    RUNS,
    SESSIONS_OF,
    SETTING,
    TICKETS,
    TOGETHER,
    VERIFY,
    VERIFY_VERBS,
    WITH_PEOPLE,
)
from stormdoor_audit.auditor.naming.words import words

__all__ = [
    "asks_for_anybody",
    "chain_of",
    "concerns_identity",
    "is_about_load",
    "is_about_somebody",
    "is_absence_error",
    "is_access_word",
    "is_authenticator",
    "is_authorizer",
    "is_credential_name",
    "is_for_tests",
    "is_identity_name",
    "is_login",
    "is_name_of_somebody",
    "is_negative",
    "is_of_somebody",
    "is_only_a_session",
    "is_person",
    "is_predicate",
    "is_program",
    "is_raising_name",
    "is_setting_chain",
    "is_setting_name",
    "is_verdict",
    "is_verification_name",
    "logs_in",
    "names_a_kind",
    "proves",
    "raises_on_nothing",
    "reads_setting",
    "says_for_whom",
    "says_which",
    "says_who",
    "turns_off",
    "words_about",
    "words_of",
]

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_KEY = re.compile(r"""(?:^|\.|\[['"])([\w -]+)(?:['"]\])?$""")
_TESTS = frozenset({"test", "tests", "testing"})
_OF_TESTS = _TESTS | {"in", "is", "mode", "run", "running", "under", "unit"}
_BRACKETS = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]")

_OF_SOMEBODY = words("account authenticated logged login member principal uid user userid")
_AUTHENTICATORS = words("auth authentication authenticator authn authorization authorizer authz")
_LETS_IN = words(
    """
    allowlist anonymous authentication authenticator authorizer guard guest hashed hook htpasswd
    insecure kerberos ldap mtls oauth oidc openid pam private protect protected provider public
    restricted saml secure security sso totp trusted unauthenticated username users whitelist
    """
)
_OF_SWITCHES = words(
    """
    backend class client config disable disabled enable enabled file handler manager mode name
    path provider require required service settings skip store type url use
    """
)
_RAISES = words(
    """
    aget_object_or_404 first_or_404 get_by_natural_key get_object_or_404 get_or_404 one
    one_or_404 scalar_one
    """
)


def words_of(name: str) -> list[str]:
    """`verify_userToken` as `verify`, `user`, `token`."""
    return list(_words_of(name))


@lru_cache(maxsize=65536)
def _words_of(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def words_about(name: str) -> list[str]:
    """Its words without the session of a thing: a `db_session` is no user's."""
    words = _words_of(name)
    return [
        word
        for at, word in enumerate(words)
        if not (word in {"session", "sessions"} and at and words[at - 1] in SESSIONS_OF)
    ]


def chain_of(text: str) -> list[str]:
    """The names of `a.b(c.d)["e"].f(g)`: `a`, `b`, `f`."""
    return list(_chain_of(text))


@lru_cache(maxsize=65536)
def _chain_of(text: str) -> tuple[str, ...]:
    before = ""
    while text != before:
        before, text = text, _BRACKETS.sub("", text)
    return tuple(name for name in text.partition("(")[0].split(".") if name)


_RUN_TOGETHER = ("authkey", "passcode", "passkey", "password", "secret", "sesid", "sessid", "token")
"""Ends of words that are written as one: `authtoken`, `phpsessid`, `userpassword`."""


@lru_cache(maxsize=16384)
def is_credential_name(name: str) -> bool:
    """Return True if a value of this name is a secret by which a client proves its identity."""
    words = words_about(name)
    if NOT_CREDENTIAL & set(words) or words[-1:] in (["url"], ["uri"], ["manager"]):
        return False  # `auth_url` is where one gets it, `session_manager` knows all of them
    if words[-1:] == ["pass"] or any(one.endswith(_RUN_TOGETHER) for one in words):
        return True
    return any(
        (word in CREDENTIAL or (word.endswith(TOGETHER) and not word.endswith("oauth")))
        # A room's key, a status code, the hash of a block: it names a thing, and proves nothing.
        and not (word in {"key", "code", "hash"} and at and words[at - 1] in OF_THINGS)
        and not (word == "code" and at and words[at - 1] in RUNS)
        for at, word in enumerate(words)
    )


@lru_cache(maxsize=16384)
def is_program(name: str, holder: str) -> bool:
    """Return True if a field is code to be run, by the name of its container: `data["execute"]["code"]`."""
    return words_of(name) == ["code"] and bool(RUNS & set(words_of(holder)))


@lru_cache(maxsize=16384)
def proves(name: str) -> bool:
    """Return True if only clients that were given a value of this name can show it."""
    return is_credential_name(name) or bool(TICKETS & set(words_of(name)))


@lru_cache(maxsize=16384)
def is_only_a_session(name: str) -> bool:
    """Return True if a name is that of a session, and of no token or secret of one: `session_id`."""
    named = words_of(name)
    return named[:1] == ["session"] and all(word in _NUMBERS for word in named[1:])


@lru_cache(maxsize=16384)
def is_identity_name(name: str) -> bool:
    """Return True if an attribute of this name identifies the client."""
    words = words_about(name)
    if not words or is_setting_name(name) or _is_session_of_a_thing(words):
        return False
    return words[-1] in IDENTITY or (words[0] == "is" and bool(set(words) & IDENTITY))


def _is_session_of_a_thing(words: list[str]) -> bool:
    """`kernel_session`, `game_session`: with what it is, and that is no client."""
    return (
        len(words) > 1
        and words[-1] in {"session", "sessions"}
        and not WITH_PEOPLE & set(words[:-1])
    )


@lru_cache(maxsize=16384)
def asks_for_anybody(name: str) -> bool:
    """Return True if a question of this name only tests that there is a user: `user.is_authenticated()`."""
    words = words_of(name)
    return words[:1] in (["is"], ["has"]) and bool(words[1:]) and set(words[1:]) <= _THERE


@lru_cache(maxsize=16384)
def is_login(name: str) -> bool:
    """Return True if a function of this name authenticates a user, rather than authorizes one."""
    words = set(words_of(name))
    return bool(words & (VERIFY - _PERMITS)) and not words & (ACCESS | _PERMITS)


_PERMITS = words(
    "admin allowed authorise authorised authorize authorized permission permissions permitted"
)
_THERE = words(
    """
    active anonymous auth authenticated guest in logged loggedin login not session signed user
    valid
    """
)


@lru_cache(maxsize=16384)
def is_person(name: str) -> bool:
    """Return True if a value of this name is a user: `user`, `new_member`."""
    return words_of(name)[-1:] in (["user"], ["member"], ["account"], ["viewer"], ["username"])


@lru_cache(maxsize=16384)
def is_name_of_somebody(name: str) -> bool:
    """Return True if a field of this name identifies a user: `user_id`, `nickname`, `email`."""
    words = words_of(name)
    return (words[-1:] in (["id"], ["uuid"]) and "user" in words[:-1]) or words[-1:] in (
        ["user"],
        ["username"],
        ["userid"],
        ["email"],
        ["name"],
        ["nick"],
        ["nickname"],
    )


@lru_cache(maxsize=16384)
def is_about_somebody(name: str) -> bool:
    """Return True if a session has a value of this name only for a known user: `user`, `uid`."""
    return is_name_of_somebody(name) or is_of_somebody(name)


@lru_cache(maxsize=16384)
def is_of_somebody(name: str) -> bool:
    """Return True if a field of this name is set by a log-in: `user`, `logged_in`, no `name`."""
    return bool(set(words_of(name)) & _OF_SOMEBODY)


@lru_cache(maxsize=16384)
def says_who(name: str) -> bool:
    """Return True if a field of this name identifies its sender: `user_id`, `sender`, `id_user`.

    Another than the sender is no such one: `to_user`, `target_player`.
    """
    words = words_of(name)
    if not words or words[0] in _ANOTHER:
        return False
    return words[-1] in _SENDERS or (
        len(words) > 1 and words[-1] in _NUMBERS and words[-2] in _SENDERS | _ROLES
    )


@lru_cache(maxsize=16384)
def says_for_whom(name: str) -> bool:
    """Return True if a field of this name is a message's recipient: `to`, `recipient_id`, `targetUser`."""
    words = words_of(name)
    return bool(words) and (words[0] in _ADDRESSED or words[-1] in _ADDRESSED - {"to"})


@lru_cache(maxsize=16384)
def says_which(name: str) -> bool:
    """Return True if a field of this name identifies a thing, to all who know of it: `room_id`.

    An id that is said to be of nothing may be one that only those know who were told it.
    """
    words = words_of(name)
    if not words or proves(name):
        return False
    return words[-1] in OF_THINGS | _NUMBERS - {"id", "key", "uuid"} or (
        len(words) > 1 and words[-1] in _NUMBERS
    )


_ADDRESSED = words("addressee dest destination receiver recipient target to")
_SENDERS = words(
    """
    account acct author from login member nick nickname owner participant player pname requester
    sender tenant uid uname user userid username usr
    """
)
_ROLES = words("client customer driver employee my operator passenger patient student teacher")
_NUMBERS = frozenset({"id", "key", "name", "no", "num", "number", "uuid"})
_ANOTHER = words(
    """
    ban block dest destination for friend invite invited kick new num opponent other partner
    peer receiver recipient target to with
    """
)


@lru_cache(maxsize=16384)
def is_verdict(name: str) -> bool:
    """Return True if a field of an answer says if the client was admitted: `reply.authenticated`."""
    words = set(words_of(name))
    return bool(
        words
        & {"authenticated", "authorized", "authorised", "valid", "verified", "allowed", "granted"}
    )


@lru_cache(maxsize=16384)
def is_authenticator(name: str) -> bool:
    """Return True if a part of the program of this name authenticates the client."""
    words = words_of(name.partition("(")[0].rpartition(".")[2])
    return bool(words) and words[-1] in _AUTHENTICATORS


@lru_cache(maxsize=16384)
def is_authorizer(name: str) -> bool:
    """Return True if a part of the program of this name decides on a user's permissions."""
    return words_of(name)[-1:] in (["authorizer"], ["authoriser"])


@lru_cache(maxsize=16384)
def concerns_identity(name: str) -> bool:
    """Return True if a setting of this name affects the admission of clients."""
    words = set(words_about(name))
    words |= {one[:-1] for one in words - NOT_CREDENTIAL if one.endswith("s") and len(one) > 4}
    if "keys" in words and words & {"api", "access"}:
        return True
    return bool(words & (CREDENTIAL | IDENTITY | VERIFY | ACCESS | _LETS_IN))


@lru_cache(maxsize=16384)
def is_setting_name(name: str) -> bool:
    """Return True if a name reads like a switch: `require_auth`, `auth_enabled`."""
    words = words_of(name)
    return bool(words) and (words[-1] in _OF_SWITCHES or words[0] in _OF_SWITCHES)


_KINDS = frozenset({"backend", "class", "cls", "factory", "manager", "model", "store", "table"})
_WATCHES = frozenset({"add", "attach", "register", "remove", "set", "subscribe", "unregister"})


@lru_cache(maxsize=16384)
def is_verification_name(name: str) -> bool:
    """Return True if a function of this name authenticates or authorizes the client."""
    words = words_about(name.rpartition(".")[2])
    if "origin" in words or "host" in words or "cors" in words:
        return False
    if (
        words[:1]
        and words[0] in _WATCHES
        and words[-1] in {"listener", "observer", "callback", "hook"}
    ):
        return False  # it is called at a log-in
    if names_a_kind(name.rpartition(".")[2]):
        return False
    if OF_REQUESTS & set(words) and not (IDENTITY - {"permission", "permissions"}) & set(words):
        return False
    if any(word in VERIFY for word in words):
        return True
    return bool(words and words[0] in VERIFY_VERBS and any(w in CREDENTIAL for w in words[1:])) or (
        len(words) > 1 and words[0] in RAISING | {"current", "get", "is", "has"} and "user" in words
    )


def names_a_kind(name: str) -> bool:
    """Return True if a function returns the class or store of users, and no user: `get_user_model`."""
    words = words_of(name)
    return words[:1] in (["get"], ["load"]) and words[-1] in _KINDS


@lru_cache(maxsize=16384)
def logs_in(name: str) -> bool:
    """Return True if a client shows its identity to a function of this name: `authenticate`, `do_login`."""
    return bool({"authenticate", "login", "logon", "signin"} & set(words_of(name)))


@lru_cache(maxsize=16384)
def is_access_word(name: str) -> bool:
    """Return True if a name concerns a user's permissions."""
    words = set(words_of(name))
    return bool(words & ACCESS or words & VERIFY)


_OF_LOAD = words(
    """
    busy capacity closing exceeded exceeds full limit limiter limits maintenance max maximum
    overloaded quota rate shutdown shutting throttle throttled
    """
)
"""Reasons of a refusal that do not concern the client's identity."""


def is_about_load(names: list[str]) -> bool:
    """Return True if names concern amounts or rates, as those of a rate limiter do."""
    return any(_OF_LOAD & set(words_of(name)) for name in names)


@lru_cache(maxsize=16384)
def is_raising_name(name: str) -> bool:
    """Return True if a function of this name is called for the exception it raises."""
    words = words_of(name.rpartition(".")[2])
    return bool(words) and words[0] in RAISING


def is_identity_error(name: str) -> bool:
    """Return True if an exception of this name says that a client has not the required identity."""
    words = set(words_of(name))
    return bool(
        words & {"signature", "unauthorized", "unauthorised", "unauthenticated", "credentials"}
        or words & {"auth", "authentication", "login"}
        or words & {"decrypt", "decryption", "verification", "verify"}
        or ({"invalid", "bad", "expired"} & words and {"token", "password", "session"} & words)
    )


def is_absence_error(name: str) -> bool:
    """Return True if an exception of this name says that a look-up found nothing."""
    return name in {"KeyError", "LookupError"} or bool(
        set(words_of(name)) & {"exist", "exists", "found", "missing"}
    )


@lru_cache(maxsize=16384)
def raises_on_nothing(text: str) -> bool:
    """Return True if a lookup of this name raises if it finds nothing, as object mappers have them."""
    names = chain_of(text)
    if names[-1:] == ["get"]:
        return names[-2:-1] == ["objects"]
    return bool(names) and names[-1] in _RAISES


@lru_cache(maxsize=16384)
def is_predicate(name: str) -> bool:
    """Return True if a function of this name answers yes or no."""
    words = words_of(name.rpartition(".")[2])
    return bool(words) and words[0] in {"is", "has", "can", "may", "should", "are", "was"}


@lru_cache(maxsize=16384)
def is_negative(name: str) -> bool:
    """Return True if a true answer means that the client is refused."""
    words = words_of(name.rpartition(".")[2])
    return any(word in NEGATIVE for word in words)


@lru_cache(maxsize=16384)
def turns_off(name: str) -> bool:
    """Return True if a name is that of a switch that turns a check off: it is never shipped on."""
    key = _KEY.search(name)
    words = words_of(key.group(1) if key is not None else name)
    return words[:1] in (["disable"], ["skip"], ["bypass"], ["insecure"], ["no"]) and (
        concerns_identity(name)
    )


@lru_cache(maxsize=16384)
def is_for_tests(name: str) -> bool:
    """Return True if a name is that of a switch for tests of the program itself: off in production."""
    key = _KEY.search(name)
    words = set(words_of(key.group(1))) if key is not None else set()
    return bool(words & _TESTS) and words <= _OF_TESTS


def reads_setting(names: list[str]) -> bool:
    """Return True if a call of this name reads a setting: `config("AUTH")`, `env.bool("AUTH")`."""
    if not names:
        return False
    last = words_of(names[-1])
    if last[-1:] and last[-1] in {"option", "setting", "config", "conf", "env", "getenv"}:
        return True
    return is_setting_chain(names[-2:-1]) and last[:1] in (["bool"], ["str"], ["int"], ["getbool"])


def is_setting_chain(parts: list[str]) -> bool:
    """Return True if a dotted chain goes through a configuration object."""
    return any(word in SETTING for part in parts for word in words_of(part)[-1:])
