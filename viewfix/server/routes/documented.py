"""What the OpenAPI document says beside what the code of a route says: bodies that are photos, and errors."""

from __future__ import annotations

from typing import Any

from ..replies import ErrorReply

_SAY = {
    400: "The request cannot be used; the message says why",
    401: "A key is needed",
    403: "The key does not have that right",
    404: "No such map, photo or picture",
    408: "The upload took too long",
    409: "The map was changed to another model",
    413: "The upload is too large, or has too many photos",
    422: "A parameter is out of its range, or the upload is no picture that can be read",
    423: "Another process is writing the map",
    429: "Too many requests; Retry-After says when to come again",
    501: "Not on this server: something is not installed",
    503: "It took too long, or the server is being stopped",
    507: "The disk is full or cannot be written",
}


def troubles(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, with those that every route has."""
    return {status: {"model": ErrorReply, "description": _SAY[status]} for status in (401, 403, *statuses)}


PICTURES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif", "image/tiff")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"photo": {"type": "string", "format": "binary"}},
        "required": ["photo"],
    }
}
PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {**{kind: _BINARY for kind in PICTURES}, "multipart/form-data": _FORM},
    }
}
BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "photo": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
                    },
                    "required": ["photo"],
                }
            }
        },
    }
}
_TEXTS = {
    "lat": {"type": "string", "description": "degrees; left out: as EXIF says"},
    "lon": {"type": "string"},
    "heading_deg": {"type": "string"},
    "id": {"type": "string", "description": "left out: from the content"},
    "attribution": {"type": "string"},
    "licence": {"type": "string"},
}
ADD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"photo": {"type": "string", "format": "binary"}, **_TEXTS},
                    "required": ["photo"],
                }
            }
        },
    }
}
