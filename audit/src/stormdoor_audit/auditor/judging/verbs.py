"""Words for what changes, finds and tells."""

from stormdoor_audit.auditor.naming.words import words

__all__ = ["CHANGES", "FINDS", "SPEAKS"]

CHANGES = words(
    """
    abort cancel delete destroy drop edit erase kill modify overwrite purge reboot remove rename
    replace restart revoke shutdown terminate update wipe
    """
)
FINDS = words("by fetch filter find first get load lookup objects one query select")
_TELLS = frozenset({"emit", "notify", "publish", "say", "send", "tell", "write"})
SPEAKS = _TELLS | words(
    """
    broadcast deliver email forward mail message post push sendmail sms talk whisper
    """
)
