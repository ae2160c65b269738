"""The log: one JSON object a line on standard error, whatever libraries write there themselves."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered, as clients and the log know it."""

log = logging.getLogger("viewfix.server")

FOLD_S = 1.0
"""What libraries write to standard error becomes one line of the log in this time."""

SHOWN = 200
"""Characters of what libraries wrote that are shown."""


class JsonLines(logging.Formatter):
    """One object a line. No address of a client, no query string (`near` says where a person is), nothing of photos."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line |= getattr(record, "about", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        # Half a character, from a damaged name of a file, would make the line unreadable for others.
        return (
            json.dumps(line, ensure_ascii=False, default=str)
            .encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
        )


def _is_ours(record: logging.LogRecord) -> bool:
    """Not the lines of uvicorn about each WebSocket, which name the client's address and the query string."""
    return '"WebSocket ' not in str(record.msg)


def to_stderr(level: int = logging.INFO) -> None:
    """Log as JSON lines on standard error, and fold whatever else is written there into lines of the log.

    uvicorn's own access log is left out: the middleware writes a line for each request.
    """
    handler = logging.StreamHandler(_own_stderr())
    handler.setFormatter(JsonLines())
    handler.addFilter(_is_ours)
    for name in ("viewfix", "viewfix.server", "uvicorn", "uvicorn.error", "py.warnings"):
        each = logging.getLogger(name)
        each.handlers[:] = [handler] if name in ("viewfix", "uvicorn", "py.warnings") else []
        each.setLevel(level)
        each.propagate = name not in ("viewfix", "uvicorn", "py.warnings")
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(True)


def _own_stderr() -> TextIO:
    """Standard error for the log alone; all other writers, in Python or in C, get a pipe that is read and folded."""
    try:
        own = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        reading, writing = os.pipe()
        # What does not fit into the pipe is lost. If a library had to wait there while it holds Python's lock, the
        # thread that reads the pipe could never run.
        os.set_blocking(writing, False)
    except (OSError, AttributeError):  # Windows before Python 3.12 has no pipes that do not block
        return sys.stderr
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = _Lossy(2)
    threading.Thread(target=_fold, args=(reading,), name="stderr", daemon=True).start()
    return own


class _Lossy(io.TextIOBase):
    """Standard error of Python: what the pipe cannot take is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
        return len(text)


def _fold(reading: int) -> None:
    """Log what libraries write: at most a line in FOLD_S, with its beginning and its size."""
    while first := os.read(reading, 65_536):
        time.sleep(FOLD_S)
        os.set_blocking(reading, False)
        size = len(first)
        try:
            while more := os.read(reading, 65_536):
                size += len(more)
        except BlockingIOError:
            pass
        os.set_blocking(reading, True)
        shown = " ".join(first.decode("utf-8", "replace").split())[:SHOWN]
        log.warning("a library wrote to standard error", extra={"about": {"bytes": size, "text": shown}})
