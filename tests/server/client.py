"""Requests to a service in this process: pictures to send, and errors to read."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

Open = Callable[..., TestClient]


def problem(response: Any) -> tuple[int, str, str]:
    """Status, code and message of an answer that is an error of ours."""
    error = response.json()["error"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["status"] == response.status_code
    assert "\n" not in error["message"]
    return response.status_code, error["code"], error["message"]


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(into, "JPEG", **options)
    return into.getvalue()


def form(*parts: tuple[str, bytes], boundary: str = "abc", preamble: bytes = b"") -> tuple[bytes, dict[str, str]]:
    """A multipart body of (headers, content) as other clients write it, and its Content-Type."""
    written = [f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts]
    body = preamble + b"".join(written) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, run in a thread: the browser tests leave a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
