"""Security headers of every answer, and what the base map adds to them."""

from __future__ import annotations

import re

from .settings import Settings


def security_headers(settings: Settings) -> dict[str, str]:
    """For the page and everything else. Hosts of the base map are allowed by name, and nothing more."""
    hosts = " ".join(basemap_hosts(settings))
    policy = {
        "default-src": "'self'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "worker-src": "'self' blob:",
        "img-src": f"'self' data: blob: {hosts}",
        "media-src": "'self' blob:",  # a recording that the user chose
        "connect-src": f"'self' blob: data: {hosts}",
        "style-src": "'self'",  # MapLibre places its controls through the object model, which needs no exception
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "object-src": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin" if not settings.cors else "cross-origin",
        "x-frame-options": "DENY",
        "permissions-policy": "camera=(self), geolocation=(self), microphone=()",
        "cache-control": "no-store",
    }


def basemap_hosts(settings: Settings) -> list[str]:
    """The hosts from which the operator's base map comes."""
    found: dict[str, None] = {}
    for value in (settings.basemap or {}).values():
        match = re.match(r"https?://[A-Za-z0-9.*:\[\]-]+", value) if isinstance(value, str) else None
        if match:
            found[match[0]] = None
    return list(found)
