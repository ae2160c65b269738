"""HTTP/1.1 with a deadline for every phase of every request, and a limit of connections for each client."""

from __future__ import annotations

import time
from typing import Any, Literal, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .proxies import TrustedProxies

HEADER_S = 15.0
"""From the first byte of a request, or from the opening of its connection, to the end of its header."""

BODY_S = 30.0
"""From the end of a header to the end of its body. The service itself gives up an upload sooner, with a 408."""

STALLED_S = 30.0
"""How long a client may leave the bytes of an answer unread."""

IDLE_S = 15
"""How long a connection may stay open between two requests."""

MOST_BESIDE_BODY = 65_536
"""Bytes of a request beside its body: the parser itself would take a header of any length."""

MOST_CONNECTIONS = 1000
"""Of all clients together."""

Phase = Literal["idle", "header", "body", "answer"]


class Timed(Protocol):
    """What `Connections` needs of a connection."""

    host: str
    phase: Phase
    transport: Any

    def is_late(self, now: float) -> bool:
        """Whether the client has had its time."""


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 by uvicorn and httptools, which have no deadlines of their own but the one between two requests.

    By httptools and uvloop a request costs the service 0.6 ms of a core, without them 1.7, of some 20 for its photo.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self.opened_at = time.monotonic()
        self._received = self._body = 0
        self._unread, self._unread_since = 0, self.opened_at
        self._enter("header")
        self.config.connections.admit(self)  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.connections.forget(self)  # type: ignore[attr-defined]
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self.config.connections.forget(self)  # type: ignore[attr-defined]  # from now on it is a TimedWebSocket
        super().handle_websocket_upgrade()

    def _enter(self, phase: Phase) -> None:
        self.phase: Phase = phase
        self.phase_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        if self.phase == "idle":
            self._enter("header")
        self._received += len(data)
        super().data_received(data)
        if self._received - self._body > MOST_BESIDE_BODY + 8 * self._body and not self.transport.is_closing():
            self.transport.close()  # a header without an end, or endless extensions between chunks

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.phase == "answer":  # pipelined: its header has the same time as any other
            self._enter("header")

    def on_headers_complete(self) -> None:
        self._enter("body")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._received = self._body = 0
        self._enter("answer")
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:  # it was answered before its body had come
            self._enter("idle")

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.phase == "answer" and self.cycle.response_complete:
            self._enter("idle")

    def is_late(self, now: float) -> bool:
        """Whether the client has had its time, for its header, its body, or to read the answer."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread != self._unread:
            self._unread, self._unread_since = unread, now
        if now - self._unread_since > STALLED_S:
            return True
        limit_s = {"header": HEADER_S, "body": BODY_S}.get(self.phase)
        return limit_s is not None and now - self.phase_since > limit_s


class TimedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket by uvicorn and websockets, which counts as a connection of its client.

    uvicorn closes one that does not answer pings, and the application one that sends nothing. Neither ends one whose
    client leaves the answers unread.
    """

    phase: Phase = "answer"

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self._unread, self._unread_since = 0, time.monotonic()
        self.config.connections.admit(self)  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.connections.forget(self)  # type: ignore[attr-defined]
        super().connection_lost(exc)

    def is_late(self, now: float) -> bool:
        """Whether the client has not read for STALLED_S."""
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread != self._unread:
            self._unread, self._unread_since = unread, now
        return now - self._unread_since > STALLED_S


class Connections:
    """The open connections of a server, by client.

    A client that opens more than its share loses one of its own that is idle or slow. So a client with many slow
    connections shuts out neither others nor its own new requests. Trusted proxies are limited only by the number of
    all connections, because they carry the requests of many clients.
    """

    def __init__(self, most_per_client: int, proxies: TrustedProxies, most: int = MOST_CONNECTIONS) -> None:
        self._most_per_client, self._proxies, self._most = most_per_client, proxies, most
        self._by_host: dict[str, dict[Timed, None]] = {}
        self.count = 0

    def admit(self, connection: Timed) -> None:
        mine = self._by_host.setdefault(connection.host, {})
        mine[connection] = None
        self.count += 1
        if len(mine) > self._most_per_client and connection.host not in self._proxies:
            self._drop_one(mine)
        elif self.count > self._most:
            self._drop_one(max(self._by_host.values(), key=len))

    def forget(self, connection: Timed) -> None:
        mine = self._by_host.get(connection.host, {})
        if mine.pop(connection, connection) is None:
            self.count -= 1
        if not mine:
            self._by_host.pop(connection.host, None)

    def close_late(self, now: float) -> None:
        """Close every connection whose client has had its time."""
        late = [each for mine in self._by_host.values() for each in mine if each.is_late(now)]
        for each in late:
            _abort(each)

    def _drop_one(self, mine: dict[Timed, None]) -> None:
        """Close one that is idle, or else slow with its header, or with its body, the oldest of these first.

        Where all of them are being answered, the newest one is closed.
        """
        newest = next(reversed(mine))
        phases: tuple[Phase, ...] = ("idle", "header", "body")
        waiting = (each for phase in phases for each in mine if each.phase == phase and each is not newest)
        victim = next(waiting, newest)
        self.forget(victim)
        _abort(victim)


def _abort(connection: Timed) -> None:
    # Not close(), which first waits until the client has read what is buffered.
    connection.transport.abort()
