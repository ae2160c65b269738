"""The parts of a multipart/form-data body: photos, with or without a file name, and fields of text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .errors import HttpError

MOST_FIELDS, MOST_FIELD_BYTES = 20, 4_096
PHOTO = "photo"
"""The name of a part that is always a photo."""


@dataclass(slots=True)
class Form:
    """Photos by the name of their part, in their order, and fields of text."""

    photos: list[tuple[str, bytes]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)


def parse_form(body: bytes, content_type: str, most_photos: int) -> Form:
    """Parse a whole body.

    A part is a photo if it has a file name, in any of the forms that RFC 7578 and browsers know, or the type of a
    picture, or the name "photo". Text before the first boundary is skipped, as RFC 2046 wants it.

    Raises:
        HttpError: 400 for a broken form, 413 for too many parts, 415 for a coded one.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        line = f"The body is {kind.decode('latin-1')[:60]}, which is not supported. Send multipart/form-data."
        raise HttpError(415, "not_a_form", line)
    if not boundary:
        raise _broken("its Content-Type has no boundary")
    first = re.search(rb"(?:^|\r\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r\n|$)", body)
    if first is None:
        raise _broken("its boundary is not in the body")
    collector = _Collector(most_photos)
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body[first.start() + (2 if body[first.start() : first.start() + 2] == b"\r\n" else 0) :])
        parser.finalize()
    except FormParserError as error:
        raise _broken(" ".join(str(error).split())[:200]) from None
    if not collector.is_complete:
        raise _broken("it ends before its last boundary")
    return collector.form


class _Collector:
    """Takes what the parser finds, part by part."""

    def __init__(self, most_photos: int) -> None:
        self._most_photos = most_photos
        self._part = _Part()
        self._name = self._value = b""
        self.form = Form()
        self.is_complete = False

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._part.data += memoryview(data)[start:end]

    def _finish(self) -> None:
        self.is_complete = True

    def _end(self) -> None:
        headers = self._part.headers
        disposition = headers.get("content-disposition", "")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _broken("a part has no Content-Disposition: form-data with a name")
        coding = headers.get("content-transfer-encoding", "binary").strip().lower()
        if coding not in ("binary", "8bit", "7bit"):
            line = f"A part is coded ({coding[:40]}), which is not supported. Send its bytes as they are."
            raise HttpError(415, "coded_part", line)
        name = options[b"name"].decode("utf-8", "replace")
        if _is_photo(name, disposition, options, headers.get("content-type", "")):
            self._add_photo(name)
        else:
            self._add_field(name)

    def _add_photo(self, name: str) -> None:
        if len(self.form.photos) == self._most_photos:
            line = f"The request has more than {self._most_photos} photos. Send {self._most_photos} or fewer."
            raise HttpError(413, "too_many", line)
        self.form.photos.append((name, bytes(self._part.data)))

    def _add_field(self, name: str) -> None:
        if len(self.form.fields) == MOST_FIELDS:
            raise _broken(f"it has more than {MOST_FIELDS} fields")
        if len(self._part.data) > MOST_FIELD_BYTES:
            line = (
                f"The field {name[:40]!r} has {len(self._part.data)} bytes, more than the {MOST_FIELD_BYTES} of a "
                'text. If it is a photo, call its part "photo", or send it with a file name or as image/jpeg.'
            )
            raise HttpError(400, "bad_form", line)
        try:
            value = self._part.data.decode("utf-8")
        except UnicodeDecodeError:
            line = f'The field {name[:40]!r} is not UTF-8 text. If it is a photo, call its part "photo".'
            raise HttpError(400, "bad_form", line) from None
        if self.form.fields.setdefault(name, value) != value:
            raise HttpError(400, "bad_parameter", f"The field {name[:40]!r} is given twice. Send it once.")


def _is_photo(name: str, disposition: str, options: dict[bytes, bytes], kind: str) -> bool:
    has_file_name = b"filename" in options or re.search(r";\s*filename\*?\s*=", disposition, re.IGNORECASE) is not None
    return has_file_name or name == PHOTO or kind.lower().startswith(("image/", "application/octet-stream"))


def _broken(why: str) -> HttpError:
    return HttpError(400, "bad_form", f"The form cannot be read: {why}. Send multipart/form-data.")
