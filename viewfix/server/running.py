"""An application and an address go in; it is served until it is told to stop, and then no accepted request is lost."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..errors import BadInput
from .context import Context
from .logs import log, to_stderr

HEADER_S = 15.0
"""How long a connection may be open without a whole request on it: a slow client costs a socket, and not for ever."""

MOST_BESIDE_BODY = 65_536
"""Bytes of a request that are no body: the parser itself would take a header of any length."""

SWITCH_S = 0.0005
"""How long a thread that works on a photo may keep the event loop from what it has to do; Python's own is 5 ms."""

MOST_CONNECTIONS = 1000
GRACE_S = 70


class Patient(HttpToolsProtocol):
    """HTTP/1.1 by uvicorn, which has no time limit of its own for the header of a first request.

    By httptools and uvloop a request costs the service 0.6 ms of a core, without them 1.7, of some 20 for its photo.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._late = asyncio.get_running_loop().call_later(HEADER_S, self._give_up)
        self._received = self._body = 0

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._received - self._body > MOST_BESIDE_BODY + 8 * self._body and not self.transport.is_closing():
            self.transport.close()  # a header, or what stands between chunks, without an end

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._received = self._body = 0
        super().on_message_complete()

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)


class Server(uvicorn.Server):
    """As uvicorn's, but for the moment between being told to stop and closing the door.

    In it readyz says 503, so that a load balancer sends no more, and each answer ends its connection, so that a client
    that was about to send its next request opens another, elsewhere.
    """

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context
        self._stopping: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._captured_signals.append(sig)
        if self._context.is_draining and sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        self._context.is_draining = True

    async def on_tick(self, counter: int) -> bool:
        if self._context.is_draining and self._stopping is None:
            log.info("stopping: what was accepted is answered first")
            self._stopping = asyncio.create_task(self._drain())
        return await super().on_tick(counter)

    async def _drain(self) -> None:
        await asyncio.sleep(self._context.settings.drain_s)
        self.should_exit = True


def serve(app: FastAPI, host: str, port: int, on_listening: Callable[[int], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. `on_listening` is told the port: of 0 the system makes a free one.

    Raises:
        BadInput: the address cannot be had.
    """
    listening = _listen(host, port)
    sys.setswitchinterval(SWITCH_S)
    to_stderr()
    config = uvicorn.Config(
        app,
        http=Patient,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MOST_CONNECTIONS,
        loop="auto",  # uvloop, where there is one
        root_path=app.state.context.settings.root_path,  # so that files are found under it as well as routes
    )
    server = Server(config, app.state.context)
    on_listening(listening.getsockname()[1])
    with listening:
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"Nothing can be served at {host}:{port} ({why}). Choose another with --host or --port."
        ) from None
    listening.setblocking(False)
    return listening
