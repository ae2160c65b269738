"""Uploads: bodies are received within limits of size, time and memory, and taken apart into photos and fields."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from .errors import HttpError, too_busy, too_large, too_slow
from .multipart import Form, parse_form

Result = TypeVar("Result")

MULTIPART_BYTES = 16_384
"""What the boundaries and headers of a form may take beside each photo."""


class Receiver:
    """Receives bodies: each within a size and a time, all of them together within a limit of memory."""

    def __init__(self, most_bytes: int, most_buffered_bytes: int, upload_s: float) -> None:
        self._most_bytes, self._most_buffered_bytes, self._upload_s = most_bytes, most_buffered_bytes, upload_s
        self.buffered_bytes = 0

    async def photos(self, request: Request, use: Callable[[Form], Awaitable[Result]], most: int = 1) -> Result:
        """Receive a body and await `use(form)`; its memory is counted until then.

        Raises:
            HttpError: too large or too many photos (413), too slow (408), no photo or a broken form (400).
        """
        with self._reserving() as reserve:
            is_form = request.headers.get("content-type", "").strip().lower().startswith("multipart/")
            limit = most * self._most_bytes + (MULTIPART_BYTES * most if is_form else 0)
            announced = request.headers.get("content-length", "")
            if announced.isdigit() and int(announced) > limit:
                raise too_large(limit)
            form = await self._form(request, limit, reserve, most if is_form else None)
            if not form.photos:
                line = 'The request has no photo. Send its bytes as the body, or as the part "photo" of a form.'
                raise HttpError(400, "no_photo", line)
            return await use(form)

    async def _form(self, request: Request, limit: int, reserve: Callable[[int], None], most: int | None) -> Form:
        body = await self._body(request, limit, reserve)
        if most is None:
            return Form([("photo", body)] if body else [])
        # Copying what may be hundreds of megabytes is not for the event loop.
        form = await asyncio.to_thread(parse_form, body, request.headers["content-type"], most)
        if any(len(data) > self._most_bytes for _, data in form.photos):
            raise too_large(self._most_bytes)
        return form

    async def _body(self, request: Request, limit: int, reserve: Callable[[int], None]) -> bytes:
        until = time.monotonic() + self._upload_s
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in _until(request.stream(), until):
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                reserve(len(chunk))
                chunks.append(chunk)
        except TimeoutError:
            raise too_slow(self._upload_s) from None
        except ClientDisconnect:
            raise HttpError(400, "incomplete", "The upload ended too early. Send it again.") from None
        reserve(size)  # there are two copies while the chunks are joined, and while a form is taken apart
        return b"".join(chunks)

    def hold(self, count: int) -> None:
        """Count bytes that are held, until `release`.

        Raises:
            HttpError: 429 if all uploads together would hold too much.
        """
        if self.buffered_bytes + count > self._most_buffered_bytes:
            raise too_busy(2.0)
        self.buffered_bytes += count

    def release(self, count: int) -> None:
        """Bytes that were held no longer are."""
        self.buffered_bytes -= count

    @contextmanager
    def _reserving(self) -> Iterator[Callable[[int], None]]:
        mine = 0

        def reserve(count: int) -> None:
            nonlocal mine
            self.hold(count)
            mine += count

        try:
            yield reserve
        finally:
            self.release(mine)


async def _until(chunks: AsyncIterator[bytes], until: float) -> AsyncIterator[bytes]:
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), max(0.0, until - time.monotonic()))
        except StopAsyncIteration:
            return
