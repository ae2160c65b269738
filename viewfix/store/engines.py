"""The engines that can store a map, by the scheme of its URL."""

from __future__ import annotations

import importlib
import re
from typing import Any

from ..errors import BadInput
from .address import Address

SEVERAL = "several URLs"
ENGINES = {  # scheme of a URL: the class that stores such maps; its module is imported when one is used
    "": "sqlite.store:SqliteStore",
    "postgresql": "postgres.store:PostgresStore",
    "postgres": "postgres.store:PostgresStore",
    "milvus": "milvus.store:MilvusStore",
    SEVERAL: "sharded.store:ShardedStore",
}


def engine_class(address: Address) -> Any:
    """The subclass of Store for an address.

    Raises:
        BadInput: no engine serves the address, or its password must be percent-encoded.
    """
    scheme = address.scheme
    if scheme.startswith("postgres") and len(address.urls) > 1:
        scheme = SEVERAL
    known = [each for each in ENGINES if each not in ("", SEVERAL)]
    if not scheme and re.match(rf"(?:{'|'.join(known)}):", address.text, re.IGNORECASE):
        raise BadInput(
            f"{address} is not a URL: // is missing. Write postgresql://HOST/DATABASE?map=NAME or milvus://HOST/NAME; "
            "for a file of that name, put ./ before it."
        )
    if scheme not in ENGINES:
        urls = ", ".join(f"{each}://" for each in known)
        raise BadInput(
            f"{address} begins with {scheme}://, which viewfix does not support. Pass the path of a file, or a URL "
            f"that begins with one of: {urls}."
        )
    if scheme:
        address.check_password()
    module, _, name = ENGINES[scheme].partition(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), name)
