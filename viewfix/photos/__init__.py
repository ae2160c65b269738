"""Decoding of photos into upright RGB pixels, and reading of their metadata."""

from __future__ import annotations

from .budget import DecodeLimits, set_limits
from .content import MAX_BYTES, is_remote, is_url, read_bytes
from .embedded import metadata
from .facts import Metadata, Panorama
from .formats import HEAD_BYTES, SUFFIXES, form_of
from .header import MAX_PIXELS, Header, read_header
from .pixels import Readable, load
from .remote import RemoteFile

__all__ = [
    "HEAD_BYTES",
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "DecodeLimits",
    "Header",
    "Metadata",
    "Panorama",
    "Readable",
    "RemoteFile",
    "form_of",
    "is_remote",
    "is_url",
    "load",
    "metadata",
    "read_bytes",
    "read_header",
    "set_limits",
]
