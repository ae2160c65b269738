"""A request's body goes in, counted while it comes; the photos in it come out, and the fields beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from .trouble import HttpError, too_busy, too_large, too_slow

MOST_FIELDS, MOST_FIELD_BYTES = 20, 4_096
MULTIPART_BYTES = 16_384
"""What the boundaries and headers of a form may take beside its photos."""


@dataclass(slots=True)
class Upload:
    """What came: the photos, by the name of their field, in their order, and the other fields."""

    photos: list[tuple[str, bytes]]
    fields: dict[str, str] = field(default_factory=dict)


class Receiver:
    """Takes bodies in, all of them together within a limit of memory, each within a size and a time."""

    def __init__(self, most_bytes: int, most_buffered_bytes: int, upload_s: float) -> None:
        self._most_bytes, self._most_buffered_bytes, self._upload_s = most_bytes, most_buffered_bytes, upload_s
        self.buffered_bytes = 0

    @contextmanager
    def _room(self) -> Iterator[Callable[[int], None]]:
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.buffered_bytes + count > self._most_buffered_bytes:
                raise too_busy(2.0)
            self.buffered_bytes += count
            mine += count

        try:
            yield take
        finally:
            self.buffered_bytes -= mine

    @contextmanager
    def _limits(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise too_slow(self._upload_s) from None
        except ClientDisconnect:
            raise HttpError(400, "gone", "The upload ended before it was whole. Send it again.") from None

    async def photos(self, request: Request, use: Callable[[Upload], Any], most: int = 1) -> Any:
        """Receive, and return what awaiting `use(upload)` gives; the memory is counted until then.

        Raises:
            Trouble: too large (413), too slow (408), no photo or a broken form (400), too many photos (413).
        """
        with self._room() as take, self._limits():
            limit = most * self._most_bytes + (MULTIPART_BYTES * most if _is_form(request) else 0)
            announced = request.headers.get("content-length", "")
            if announced.isdigit() and int(announced) > limit:
                raise too_large(limit)
            body = await self._body(request, limit, take)
            upload = await _form(request, body, most, self._most_bytes) if _is_form(request) else _raw(body)
            if not upload.photos:
                line = 'There is no photo in the request. Send its bytes as the body, or a form with a file "photo".'
                raise HttpError(400, "no_photo", line)
            return await use(upload)

    async def _body(self, request: Request, limit: int, take: Callable[[int], None]) -> bytes:
        until = time.monotonic() + self._upload_s
        chunks: list[bytes] = []
        size = 0
        parts = request.stream()
        async for chunk in _timed(parts, until):
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            take(len(chunk))
            chunks.append(chunk)
        take(size)  # twice for the moment in which the parts are joined
        return b"".join(chunks)


async def _timed(parts: AsyncIterator[bytes], until: float) -> AsyncIterator[bytes]:
    while True:
        try:
            yield await asyncio.wait_for(anext(parts), max(0.0, until - time.monotonic()))
        except StopAsyncIteration:
            return


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/")


def _raw(body: bytes) -> Upload:
    return Upload([("photo", body)] if body else [])


async def _form(request: Request, body: bytes, most: int, most_bytes: int) -> Upload:
    async def whole() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), 1 << 16):
            yield body[start : start + (1 << 16)]

    # One more file than is taken, so that one line can say how many there may be.
    parser = MultiPartParser(
        request.headers, whole(), max_files=most + 1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES
    )
    parser.spool_max_size = len(body) + 1  # in memory, where it is already: nothing of a query reaches the disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        seen = " ".join(str(getattr(error, "message", None) or error).split())[:200]
        raise HttpError(400, "bad_form", f"The form cannot be read ({seen}). Send multipart/form-data.") from None
    upload = Upload([])
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                if len(content) > most_bytes:
                    raise too_large(most_bytes)
                upload.photos.append((name, content))
            else:
                upload.fields[name] = value
    finally:
        await form.close()
    if len(upload.photos) > most:
        raise HttpError(413, "too_many", f"There are more than {most} photos in the request. Send {most} or fewer.")
    return upload
