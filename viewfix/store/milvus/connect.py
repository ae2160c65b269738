"""Connect to Milvus."""

from __future__ import annotations

import logging
from typing import Any

from ...optional import optional
from .errors import translate_errors
from .url import MilvusUrl

TIMEOUT_S = 30.0
"""The longest that one request may take; without it the client would retry for minutes."""


def connected(url: MilvusUrl) -> Any:
    """Connect a client to the Milvus server of a URL.

    Raises:
        StorageFailed: it cannot be reached.
        BadInput: it refuses the user, or has no such database.
    """
    milvus = optional("pymilvus")
    # The client logs pages of traceback for each error, although it raises the error too.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    with translate_errors(url):
        return milvus.MilvusClient(url.uri, token=url.token, db_name=url.database, timeout=TIMEOUT_S)
