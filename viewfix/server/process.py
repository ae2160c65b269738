"""The service as a process: listen, serve, and stop in time without losing a request that was accepted."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ..errors import BadInput
from .context import Context
from .live import MOST_TEXT_BYTES
from .logs import log, to_stderr
from .protocol import IDLE_S, MOST_CONNECTIONS, Connections, TimedProtocol, TimedWebSocket

SWITCH_S = 0.0005
"""How long a thread that works on a photo may keep the event loop from its work; Python's own default is 5 ms."""

AFTER_GRACE_S = 2.0
"""What closing maps may take, once the grace is over."""


class Server(uvicorn.Server):
    """As uvicorn's, with an orderly stop.

    When it is told to stop, readyz says 503, so that a load balancer sends no more, and each answer ends its
    connection, so that a client opens its next one elsewhere. After `drain_s` no connection is accepted; after
    `grace_s` the process ends, whatever a worker does.
    """

    def __init__(self, config: uvicorn.Config, context: Context, connections: Connections) -> None:
        super().__init__(config)
        self._context, self._open = context, connections
        self._stopping: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._captured_signals.append(sig)
        if self._context.is_draining and sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        if not self._context.is_draining:
            self._context.is_draining = True
            settings = self._context.settings
            end_process(settings.drain_s + settings.grace_s + AFTER_GRACE_S, 128 + sig)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            self._open.close_late(time.monotonic())
        if self._context.is_draining and self._stopping is None:
            log.info("stopping: accepted requests are answered first")
            self._stopping = asyncio.create_task(self._drain())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        watch = asyncio.create_task(self._close_late_ones())  # on_tick is not called any more
        try:
            await super().shutdown(sockets)
        finally:
            watch.cancel()

    async def _close_late_ones(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._open.close_late(time.monotonic())

    async def _drain(self) -> None:
        await asyncio.sleep(self._context.settings.drain_s)
        self.should_exit = True


def end_process(seconds: float, status: int) -> None:
    """End the process at that time, if it has not ended by then: a thread in a decoder cannot be stopped otherwise."""

    def end() -> None:
        log.error("the grace is over: the process ends, what is still being worked on is not answered")
        os._exit(status)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def serve(
    app: FastAPI, host: str, port: int, on_listening: Callable[[int], None], *, log_level: int = logging.INFO
) -> None:
    """Serve until SIGTERM or Ctrl-C. `on_listening` is called with the port; with port 0 the system picks a free one.

    Raises:
        BadInput: the address is not available.
    """
    listening = _listen(host, port)
    sys.setswitchinterval(SWITCH_S)
    context: Context = app.state.context
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        ws=TimedWebSocket,
        ws_max_size=max(context.settings.most_bytes, MOST_TEXT_BYTES),
        ws_per_message_deflate=False,  # pictures are compressed already, and it would let a small message grow
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # access.py reads them, from trusted proxies only
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=int(context.settings.grace_s) or 1,
        limit_concurrency=2 * MOST_CONNECTIONS,
        loop="auto",  # uvloop, where it is installed
        root_path=context.settings.root_path,  # so that files are found under it as well as routes
    )
    connections = Connections(context.settings.connections_per_client, context.settings.trusted_proxies)
    config.connections = connections  # type: ignore[attr-defined]  # uvicorn hands its protocol nothing else of ours
    server = Server(config, context, connections)
    on_listening(listening.getsockname()[1])
    to_stderr(log_level)
    with listening:
        server.run(sockets=[listening])
    end_process(AFTER_GRACE_S, 0)  # Python waits for worker threads without an end


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"Cannot listen at {host}:{port} ({why}). Choose another address with --host or --port."
        ) from None
    listening.setblocking(False)
    return listening
