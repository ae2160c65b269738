"""`viewfix serve` in a process, and the uploads that mean it harm."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Send = Callable[[int], int]
"""Sends one upload to a port and returns the status of the answer; 431 or 408 where the connection was closed."""


class Service:
    """A running service: its process, its port, and the lines that it wrote to standard error."""

    def __init__(self, process: subprocess.Popen[str], port: int, errors: list[str]) -> None:
        self.process, self.port, self.errors = process, port, errors

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.errors]


@contextmanager
def serving(place: Path | str, *options: str, command: list[str] | None = None, **popen: Any) -> Iterator[Service]:
    """Serve a map in another process, at a free port, until the block ends."""
    command = command or [sys.executable, "-m", "viewfix"]
    process = subprocess.Popen(
        [*command, "serve", str(place), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen,
    )  # fmt: skip
    errors: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline()
        found = re.search(r":(\d+)\. Stop with Ctrl-C", line)
        assert found, line + "".join(errors)
        yield Service(process, int(found[1]), errors)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()


def ask(
    port: int, body: bytes | None, path: str = "/v1/locate?verify=off", method: str = "POST", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Send one request on a new connection; the status, and the JSON of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        connection.request(method, path, body, {"Content-Type": "image/jpeg", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def hostile_connections() -> dict[str, Send]:
    """Requests that never end, that announce too much, or that come too slowly."""
    return {
        "endless": _endless,
        "announced": _announced,
        "endless header": _endless_header,
        "slow": _slow,
        "slow second request": _slow_second,
    }


def hostile_bodies(photo: bytes) -> dict[str, tuple[bytes, str]]:
    """Bodies, with their types, that are not photos, are damaged, or unpack to far more than they are."""
    form = "multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    return {
        "bomb": (png_bomb(), "image/png"),
        "many scans": (many_scans(), "image/jpeg"),
        "large lossless": (large_webp(), "image/webp"),
        "tile bomb": (tile_bomb(), "image/tiff"),
        "noisy fax": (noisy_fax(), "image/tiff"),
        "nested XMP": (nested_xmp(photo), "image/jpeg"),
        "half": (photo[: len(photo) // 3], "image/jpeg"),
        "text": (b"<html><script>alert(1)</script>", "image/jpeg"),
        "zip": (b"PK\x03\x04" + bytes(1000), "image/jpeg"),
        "noise": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40, "image/jpeg"),
        "many parts": (part + b"a\r\n" + part.join([b"b\r\n"] * 5000) + b"--x--", form),
        "nested form": (
            part + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n" * 3000 + b"\r\n--x--",
            form,
        ),
    }


def hostile(photo: bytes) -> dict[str, Send]:
    """Everything of both kinds, to be sent."""

    def body(content: bytes, kind: str) -> Send:
        def send(port: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
            try:
                connection.request("POST", "/v1/locate?verify=off", content, {"Content-Type": kind})
                return connection.getresponse().status
            finally:
                connection.close()

        return send

    return {name: body(*each) for name, each in hostile_bodies(photo).items()} | hostile_connections()


HARMLESS = ("large lossless", "nested XMP", "noisy fax", "many scans")
"""What may be answered, if that takes bounded time and memory; everything else must be refused."""


def png_bomb() -> bytes:
    """900 million pixels in a few megabytes."""
    packer = zlib.compressobj(1)
    rows = b"".join([packer.compress(bytes(30_001) * 100) for _ in range(300)] + [packer.flush()])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (30_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(side_px: int = 8000, scans: int = 2000) -> bytes:
    """A progressive JPEG of 64 million pixels whose last scan comes again and again, each time all of them."""
    into = io.BytesIO()
    Image.new("L", (side_px, side_px), 128).save(into, "JPEG", progressive=True, quality=10)
    data = into.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9" if len(data) - last < 4000 else data


def large_webp(side_px: int = 8000) -> bytes:
    """64 million pixels, lossless, in a few kilobytes."""
    into = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (10, 20, 30)).save(into, "WebP", lossless=True, quality=0, method=0)
    return into.getvalue()


def tile_bomb(tile_px: int = 12_000) -> bytes:
    """A TIFF of 64 x 64 pixels with one tile of 12,000 x 12,000."""
    packed = zlib.compress(bytes(tile_px * tile_px), 9)
    return _tiff([(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1), (322, tile_px), (323, tile_px)], packed,
                 (324, 325))  # fmt: skip


def noisy_fax() -> bytes:
    """A TIFF in fax coding with an error in every line, for each of which its decoder writes one to standard error."""
    noise = np.random.default_rng(0).integers(0, 256, 400_000, np.uint8).tobytes()
    tags = [(256, 1728), (257, 8000), (258, 1), (259, 3), (262, 0), (277, 1), (278, 8000)]
    return _tiff(tags, noise, (273, 279))


def _tiff(tags: list[tuple[int, int]], data: bytes, where: tuple[int, int]) -> bytes:
    """A TIFF with these numbers and one strip or tile; `where` are the tags of its place and its size."""
    entries = sorted([*tags, (where[0], 8), (where[1], len(data))])
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    pad = b"\0" * (len(data) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(data) + len(pad)) + data + pad + table + bytes(4)


def nested_xmp(photo: bytes, depth: int = 8000) -> bytes:
    """A photo whose XMP is thousands of elements deep."""
    inside = b"<a>" * depth + b"</a>" * depth
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/">' + inside + b"</x:xmpmeta>"
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", min(65_535, len(xmp) + 2)) + xmp[:65_533] + photo[2:]


def connected(port: int, timeout_s: float = 90) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout_s)


def status_of(connection: socket.socket) -> int:
    """Read one whole answer and return its status; 0 where the connection is closed without one."""
    said = b""
    while b"\r\n\r\n" not in said:
        more = connection.recv(65_536)
        if not more:
            return 0
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]) and (more := connection.recv(65_536)):
        body += more
    return int(head.split(b" ", 2)[1])


def _endless(port: int) -> int:
    with connected(port) as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        part = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(16_000):  # a gigabyte
                connection.sendall(part)
        except OSError:
            pass
        return status_of(connection)


def _announced(port: int) -> int:
    with connected(port) as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        return status_of(connection)


def _endless_header(port: int) -> int:
    with connected(port) as connection:
        try:
            connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nX-Long: ")
            for _ in range(16_000):  # a gigabyte
                connection.sendall(b"a" * 0x10000)
            return 200
        except OSError:
            return 431  # the connection was closed


def _slow(port: int) -> int:
    with connected(port) as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        return _drip(connection, b"\xff")


def _slow_second(port: int) -> int:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert status_of(connection) == 200
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        return _drip(connection, b"a")


def _drip(connection: socket.socket, byte: bytes) -> int:
    """Send a byte now and then, until the service answers or closes the connection."""
    connection.settimeout(0.5)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection.sendall(byte)
            return status_of(connection) or 408
        except TimeoutError:
            continue
        except OSError:
            return 408
    return 200
