"""Credentials that clients make: signatures of a request (RFC 9421), and proofs of a key (DPoP, RFC 9449)."""

from stormdoor.auth.dpop.proof import dpop_proof
from stormdoor.auth.http_signature.request_signature import sign_offer, sign_request

__all__ = ["dpop_proof", "sign_offer", "sign_request"]
