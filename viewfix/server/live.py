"""A moving camera on a WebSocket: binary frames in, JSON fixes out; a frame that is overtaken is left out."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..geojson import to_json
from .context import Context
from .errors import HttpError, error_body, public_form, too_large
from .logs import log, request_id
from .parameters import FrameMessage, LiveParameters, TrackParameters, out_of_range
from .registry import ServedMap
from .signed import unsigned
from .tracking import Tracked, track_reply

SUBPROTOCOL = "viewfix.track"
MOST_TEXT_BYTES = 2_000_000
MOST_TEXTS = 8
"""Messages of text that may come one after the other, without a frame."""

MOST_PROBLEMS = 20
"""Frames and messages in a row that cannot be used."""

TOO_LARGE, POLICY, RESTART, IDLE = 1009, 1008, 1012, 1000


@dataclass(slots=True)
class _Frame:
    number: int
    data: bytes
    told: FrameMessage


class LiveTrack:
    """One connection. The newest frame waits while one is answered; an older one that still waits is left out."""

    def __init__(self, socket: WebSocket, context: Context, served: ServedMap, asked: LiveParameters) -> None:
        self._socket, self._context, self._served, self._asked = socket, context, served, asked
        self._state: bytes | None = None
        self._told = FrameMessage.model_validate({})
        self._next: _Frame | None = None
        self._has_next = asyncio.Event()
        self._is_answering = False
        self._received = self._left_out = self._texts = self._problems = 0

    async def run(self) -> None:
        """Answer frames until the client leaves, is idle, or sends what cannot be used."""
        answering = asyncio.create_task(self._answer_frames())
        try:
            await self._receive(answering)
        finally:
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
            self._forget_next()
            about = {"frames": self._received, "left_out": self._left_out, "map": self._served.name}
            log.info("track ended", extra={"about": about})

    async def _receive(self, answering: asyncio.Task[None]) -> None:
        while not answering.done():
            try:
                message = await asyncio.wait_for(self._socket.receive(), self._context.settings.live_idle_s)
            except TimeoutError:
                if self._is_answering or self._next is not None:
                    continue  # the client waits for us
                await self._close(IDLE, "no frame came for a while")
                return
            if message["type"] == "websocket.disconnect":
                return
            data, text = message.get("bytes"), message.get("text")
            try:
                if data is not None:
                    self._take(data)
                elif text is not None:
                    self._read(text)
            except HttpError as error:
                await self._tell(error, self._received if data is not None else None)
                if error.status == 413:
                    await self._close(TOO_LARGE, "too large")
                    return
            if self._texts > MOST_TEXTS or self._problems > MOST_PROBLEMS:
                await self._close(POLICY, "too many messages that are not used")
                return

    def _take(self, data: bytes) -> None:
        """A frame: it waits for its turn, in the place of one that waits already."""
        self._texts = 0
        self._received += 1
        told, self._told = self._told, FrameMessage.model_validate({})
        if len(data) > self._context.settings.most_bytes:
            raise too_large(self._context.settings.most_bytes)
        self._context.access.count(self._socket.scope)
        if self._next is not None:
            self._left_out += 1
            # Steps are those since the frame before, which is not answered now.
            steps = [each.steps for each in (self._next.told, told) if each.steps is not None]
            told = told.model_copy(update={"steps": sum(steps) if steps else None})
        self._forget_next()
        self._context.receiver.hold(len(data))
        self._next = _Frame(self._received, data, told)
        self._has_next.set()

    def _read(self, text: str) -> None:
        """What is known about the next frame, or the state of a track to continue."""
        self._texts += 1
        if len(text) > MOST_TEXT_BYTES:
            raise too_large(MOST_TEXT_BYTES)
        try:
            told = FrameMessage.model_validate_json(text)
        except ValidationError as error:
            raise out_of_range(error.errors(include_input=False, include_url=False)) from None
        if told.state is not None:
            self._state = unsigned(told.state.encode("utf-8", "replace"), self._context.settings.state_key)
        self._told = told.model_copy(update={"state": None})

    def _forget_next(self) -> None:
        if self._next is not None:
            self._context.receiver.release(len(self._next.data))
        self._next = None
        self._has_next.clear()

    async def _answer_frames(self) -> None:
        while True:
            await self._has_next.wait()
            if self._context.is_draining:
                await self._close(RESTART, "the service restarts")
                return
            frame, self._next, self._is_answering = self._next, None, True
            self._has_next.clear()
            assert frame is not None, "the event says so"
            try:
                reply = await self._answer(frame)
                self._problems = 0
                await self._send({**reply, "frame": frame.number, "left_out": self._left_out})
            except Exception as error:
                await self._tell(error, frame.number)
            finally:
                self._context.receiver.release(len(frame.data))
                self._is_answering = False

    async def _answer(self, frame: _Frame) -> dict[str, Any]:
        settings = self._context.settings
        asked = TrackParameters.model_validate(
            {**self._asked.model_dump(), **frame.told.model_dump(exclude={"state"}, exclude_none=True)}
        )

        def work() -> tuple[dict[str, Any], Tracked]:
            return track_reply(
                frame.data, self._state, asked, self._served, most_pixels=settings.most_pixels, key=settings.state_key
            )

        reply, found = await self._context.locators.run(work)
        self._state = found.state
        self._context.metrics.located(self._served.name, found.fix.found, found.fix.timings)
        return reply

    async def _tell(self, error: Exception, frame: int | None) -> None:
        self._problems += 1
        status, code, message, _ = public_form(error, request_id.get())
        if not isinstance(error, HttpError):
            log.error("%s: %s", code, error, exc_info=error if code == "internal" else None)
        await self._send({**error_body(status, code, message, request_id.get()), "frame": frame})

    async def _send(self, content: dict[str, Any]) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.send_text(to_json(content))

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.close(code, reason)
