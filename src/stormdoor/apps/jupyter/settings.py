"""The options of the extension, in Jupyter's configuration: `c.Stormdoor.origins = [...]`."""

from __future__ import annotations

from traitlets import Bool, Dict, Float, List, Unicode
from traitlets.config import Configurable

__all__ = ["Stormdoor"]


class Stormdoor(Configurable):  # type: ignore[misc]
    """The guard of a Jupyter server."""

    config_file = Unicode(
        "",
        help="Path of a configuration file of stormdoor. Default: stormdoor.toml in the working directory, "
        'if it is there. Without preset = "..." it has the preset jupyter.',
    ).tag(config=True)
    store = Unicode(
        "",
        help="URL of the store, such as sqlite:///home/alice/stormdoor.db. Default: stormdoor.db in the data "
        "directory of Jupyter.",
    ).tag(config=True)
    origins = List(
        Unicode(),
        help="Pages that may open sockets, such as https://lab.example. Default: localhost and the address "
        "that the server listens on.",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(),
        help="Networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are accepted. "
        "Default: none; with trust_xheaders, as below JupyterHub, this machine.",
    ).tag(config=True)
    roles = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        help="Roles by user name, for users whom the store does not have.",
    ).tag(config=True)
    default_roles = List(
        Unicode(),
        default_value=["admin"],
        help="Roles of all other users. A server with a token or a password has one user, who may do all.",
    ).tag(config=True)
    recheck_seconds = Float(
        30.0,
        help="Seconds between two checks whether the identity provider still accepts the login of a socket.",
    ).tag(config=True)
    any_release = Bool(
        False,
        help="Guard releases of Jupyter Server that were not tested.",
    ).tag(config=True)
