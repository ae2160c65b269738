"""What the OpenAPI document says beside the signatures of routes: bodies that are photos, and errors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ..schemas import ErrorReply

_MEANING = {
    400: "The request cannot be used; the message says why",
    401: "A key is needed",
    403: "The key does not have that right",
    404: "There is no such map, photo or picture",
    408: "The upload took too long",
    409: "The map was replaced by one of another model",
    412: "A condition of the request (If-Match, If-Unmodified-Since) failed",
    413: "The upload is too large, or has too many photos",
    415: "The body is compressed, or not of a type that is read",
    422: "A parameter is out of its range, or the upload is not a picture that can be read",
    423: "Another process is writing the map",
    429: "Too many requests; Retry-After says when to try again",
    501: "This server lacks a package that the request needs",
    503: "It took too long, or the map is not available at the moment",
    507: "The map or the disk cannot be read or written",
}

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif", "image/tiff")
_FILE = {"type": "string", "format": "binary"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, with those of every route."""
    return {status: {"model": ErrorReply, "description": _MEANING[status]} for status in (401, 403, *statuses)}


def photo_body(parameters: type[BaseModel] | None = None) -> dict[str, Any]:
    """A body that is one photo, or a form with it; the form may hold the parameters too."""
    form = _form({"photo": _FILE, **_fields(parameters)})
    return _body({**{kind: {"schema": _FILE} for kind in PICTURES}, **form})


def batch_body(parameters: type[BaseModel]) -> dict[str, Any]:
    """A form with many photos."""
    return _body(_form({"photo": {"type": "array", "minItems": 1, "items": _FILE}, **_fields(parameters)}))


def track_body(parameters: type[BaseModel]) -> dict[str, Any]:
    """A body that is one frame, or a form with it and the state of the track as a file."""
    form = _form({"photo": _FILE, "state": _FILE, **_fields(parameters)})
    return _body({**{kind: {"schema": _FILE} for kind in PICTURES}, **form})


def add_body() -> dict[str, Any]:
    """A form with one photo and what is known about it."""
    texts = {
        "lat": "degrees; if left out, the position in the EXIF of the photo",
        "lon": "degrees",
        "heading_deg": "where the camera looked, degrees clockwise from north",
        "id": "identity of the photo; if left out, made from its content. A photo of that id is replaced",
        "attribution": "whom to name where the photo is shown",
        "licence": "such as CC BY 4.0",
        "panorama": "whether it is a panorama, to be cut into views: ask (as its GPano metadata says), yes or no",
    }
    fields = {name: {"type": "string", "description": text} for name, text in texts.items()}
    return _body(_form({"photo": _FILE, **fields}))


def _fields(parameters: type[BaseModel] | None) -> dict[str, Any]:
    """The parameters as fields of a form: each as in the address, which wants no second description."""
    if parameters is None:
        return {}
    return {
        info.alias or name: {"type": "string", "description": "as the parameter of that name"}
        for name, info in parameters.model_fields.items()
    }


def _form(properties: dict[str, Any]) -> dict[str, Any]:
    return {"multipart/form-data": {"schema": {"type": "object", "properties": properties, "required": ["photo"]}}}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
