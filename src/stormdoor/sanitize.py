"""Clean HTML from users, for applications that show it as HTML (the extra `sanitize`)."""

from __future__ import annotations

from collections.abc import Collection

from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

__all__ = ["clean_html"]

_TAGS = frozenset(
    {"a", "b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "strong", "ul"}
)


def clean_html(text: str, *, tags: Collection[str] = _TAGS) -> str:
    """Return `text` with only harmless markup (ASVS 1.3.1).

    Scripts, styles, event handlers, forms and every address except http, https and mailto are removed. An
    application that shows text as text does not need this: a `Command` with `Text` or `Line` fields is
    enough there.

    Args:
        text: HTML from an untrusted user.
        tags: Elements that are allowed.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    try:
        import nh3  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            "cleaning HTML needs nh3: " + install_command("'stormdoor[sanitize]'")
        ) from None
    return nh3.clean(
        text,
        tags=set(tags),
        attributes={"a": {"href"}} if "a" in tags else {},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
