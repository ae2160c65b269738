"""Signed states: what a client keeps for the service, and cannot change."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from .errors import HttpError

_SIGNATURE_BYTES = 32


def signed(state: bytes, key: bytes) -> str:
    """A state as text with its signature, for a client to send back."""
    return base64.b64encode(hmac.digest(key, state, hashlib.sha256) + state).decode("ascii")


def unsigned(text: bytes, key: bytes) -> bytes:
    """The state in a text of `signed`.

    Raises:
        HttpError: 400 where it is another text, or another key signed it.
    """
    try:
        both = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        both = b""
    signature, state = both[:_SIGNATURE_BYTES], both[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, hmac.digest(key, state, hashlib.sha256)):
        line = "The state was changed, or is of another service. Leave it out to begin a new track."
        raise HttpError(400, "bad_state", line)
    return state
