"""The words that `lexicon` looks for in names."""

from stormdoor_audit.auditor.naming.words import words

__all__ = [
    "ACCESS",
    "CREDENTIAL",
    "IDENTITY",
    "NEGATIVE",
    "NOT_CREDENTIAL",
    "OF_REQUESTS",
    "OF_THINGS",
    "RAISING",
    "RUNS",
    "SESSIONS_OF",
    "SETTING",
    "TICKETS",
    "TOGETHER",
    "VERIFY",
    "VERIFY_VERBS",
    "WITH_PEOPLE",
]

CREDENTIAL = words(
    """
    apikey auth authorization bearer code cookie cookies credential credentials creds csrf hash
    hmac jwt key nonce otp passphrase passwd password pin pw pwd secret session sessionid sid sig
    signature ticket token tokens xsrf
    """
)
NOT_CREDENTIAL = frozenset(["keyboard", "keys"])
TOGETHER = ("auth", "passwd", "password", "secret", "token")
"""Endings of compound words that stand for a credential: `rpcauth`, `accesstoken`."""
OF_THINGS = words(
    """
    asset blob block board branch build cache channel chat close color commit content country
    data dict document error event exit file foreign fragment game generate git group image
    index item lang language map message object op page partition path primary query reason
    response return room row run script sort source status template torrent transaction tree tx
    type url video widget zip
    """
)
RUNS = words(
    "compile eval evaluate exec execute executed interpret javascript program python run source"
)
"""Actions on the code of a program, or names of its language: `execute_code`."""
SESSIONS_OF = words(
    """
    aiohttp boto cassandra database db mongo neo orm requests spark sql sqlalchemy ssh
    tensorflow tf tmux
    """
)
"""Things with sessions that belong to no user: `get_db_session`."""
IDENTITY = words(
    """
    account admin auth authenticated authorised authorized claims identity logged loggedin login
    member permission permissions principal session token user userid username viewer
    """
)
VERIFY = words(
    """
    allowed auth authenticate authenticated authenticates authorise authorised authorize
    authorized checkpw credential credentials identity introspect logged loggedin login permission
    permissions permitted signin unseal unsign verified verifies verify whoami
    """
)
WITH_PEOPLE = words(
    """
    account active admin api app auth authenticated browser check client cookie current customer
    find get has http is load login logged member my no oauth own secure signed the user
    valid validate verify viewer visitor web website
    """
)
"""Owners of a session that identifies a client, and actions on one: `user_session`, `get_session`."""
TICKETS = frozenset({"capability", "invitation", "invite", "nonce", "secret", "ticket", "token"})
"""Words for values that are generated for one purpose, and unguessable."""
VERIFY_VERBS = words("check decode find get has is load loads lookup resolve valid validate")
RAISING = words(
    "assert authenticate authorise authorize check enforce ensure require validate verify"
)
NEGATIVE = words(
    """
    anonymous awaiting bad banned blocked denied expired failed forbidden guest invalid lacks
    missing need needs no not pending rejected revoked unauth unauthenticated unauthorised
    unauthorized waiting wrong
    """
)
SETTING = words(
    """
    args argv cfg conf config configuration default defaults define env environ flags opt option
    options opts params preferences prefs setting settings
    """
)
ACCESS = words("access acl can may owner owns permit role roles scope scopes")
OF_REQUESTS = words(
    """
    command content dir directory event extension file filename folder format json message
    method mime path payload schema size type uri url version
    """
)
"""Subjects of a check that is not about the client: `is_path_allowed`, `validate_message`."""
