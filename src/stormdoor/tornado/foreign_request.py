"""Refuse HTTP requests of pages of other origins, in guarded pages, the login, Jupyter and Bokeh alike."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.runtime.guard import Guard

__all__ = ["refuse_foreign"]


def refuse_foreign(
    guard: Guard, request: HTTPServerRequest, handshake: Handshake, *, links: bool = True
) -> Refusal | None:
    """Return the refusal of a request that a page of another origin sent, or None.

    Args:
        guard: The guard, with the allowed origins.
        request: The request, for its Referer.
        handshake: The facts of the request.
        links: Accept a navigation from another site, see `OriginPolicy.refuse_request`.
    """
    referer = ",".join(request.headers.get_list("Referer")) or None
    reason = guard.handshake_policy.origins.refuse_request(handshake, referer, links=links)
    return None if reason is None else Refusal(Denial.ORIGIN, reason)
