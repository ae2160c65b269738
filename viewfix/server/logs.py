"""What happened goes in; one JSON object a line comes out on standard error, with the id of the request."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered: what clients and logs know it by."""

log = logging.getLogger("viewfix.server")


class JsonLines(logging.Formatter):
    """One object a line. No address of a client, no query string (`near` says where somebody is), nothing of photos."""

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
        return json.dumps(line, ensure_ascii=True, default=str)


def to_stderr(level: int = logging.INFO) -> None:
    """Send what viewfix and uvicorn log to standard error, as JSON lines; uvicorn's own access log is left out."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("viewfix", "viewfix.server", "uvicorn", "uvicorn.error"):
        each = logging.getLogger(name)
        each.handlers[:] = [handler] if name in ("viewfix", "uvicorn") else []
        each.setLevel(level)
        each.propagate = name not in ("viewfix", "uvicorn")
    logging.getLogger("uvicorn.access").disabled = True
