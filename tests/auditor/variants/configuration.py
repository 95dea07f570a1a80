"""Handlers whose check is switched by a file that ships beside the code, each with the verdict."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "yaml false": (
        "optional",
        """
import yaml
config = yaml.safe_load(open("config.yml"))
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"]["enabled"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.yml": """
server:
  port: 80
auth:
  enabled: false
  users: []
"""
        },
    ),
    "toml false": (
        "optional",
        """
import tomllib
config = tomllib.load(open("settings.toml", "rb"))
class Door(WebSocketHandler):
    def prepare(self):
        if config.get("security", {}).get("require_login") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.toml": """
[security]
require_login = false
"""
        },
    ),
    "json false": (
        "optional",
        """
with open("config/default.json") as file:
    config = json.load(file)
class Door(WebSocketHandler):
    def prepare(self):
        if config["login"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config/default.json": """
{"login": false}
"""
        },
    ),
    "ini false": (
        "optional",
        """
import configparser
config = configparser.ConfigParser()
config.read("app.conf")
class Door(WebSocketHandler):
    def prepare(self):
        if config.getboolean("auth", "enabled") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "app.conf": """
[auth]
enabled = false
"""
        },
    ),
    "yaml true": (
        "guarded",
        """
import yaml
config = yaml.safe_load(open("config.yml"))
class Door(WebSocketHandler):
    def prepare(self):
        if config["auth"]["enabled"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config.yml": """
server:
  port: 80
auth:
  enabled: true
  users: []
"""
        },
    ),
    "toml true": (
        "guarded",
        """
import tomllib
config = tomllib.load(open("settings.toml", "rb"))
class Door(WebSocketHandler):
    def prepare(self):
        if config.get("security", {}).get("require_login") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "settings.toml": """
[security]
require_login = true
"""
        },
    ),
    "json true": (
        "guarded",
        """
with open("config/default.json") as file:
    config = json.load(file)
class Door(WebSocketHandler):
    def prepare(self):
        if config["login"] and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "config/default.json": """
{"login": true}
"""
        },
    ),
    "ini true": (
        "guarded",
        """
import configparser
config = configparser.ConfigParser()
config.read("app.conf")
class Door(WebSocketHandler):
    def prepare(self):
        if config.getboolean("auth", "enabled") and not self.get_signed_cookie("u"):
            raise HTTPError(401)

    def on_message(self, message):
        room.say(message)
""",
        {
            "app.conf": """
[auth]
enabled = true
"""
        },
    ),
}
