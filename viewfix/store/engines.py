"""The engines that can store a map, by the scheme of its URL."""

from __future__ import annotations

import importlib
import re
from typing import Any
from urllib.parse import quote

from ..errors import BadInput
from .address import Address
from .milvus.url import MilvusUrl, with_records

SEVERAL = "several URLs"
ENGINES = {  # scheme of a URL: the class that stores such maps; its module is imported when one is used
    "": "sqlite.store:SqliteStore",
    "postgresql": "postgres.store:PostgresStore",
    "postgres": "postgres.store:PostgresStore",
    "milvus": "milvus.store:MilvusStore",
    SEVERAL: "sharded.store:ShardedStore",
}


def with_statement_limit(address: Address, limit_s: float) -> Address:
    """The same map, with a time limit for every statement where its records are in PostgreSQL.

    A limit that the URL sets itself is left as it is.
    """
    if address.scheme == "milvus":
        return with_records(address, with_statement_limit(MilvusUrl.of(address).records, limit_s))
    if not address.scheme.startswith("postgres"):
        return address
    limit = "options=" + quote(f"-c statement_timeout={round(1000 * limit_s)}")
    urls = [url if "options=" in url else f"{url}{'&' if '?' in url else '?'}{limit}" for url in address.urls]
    return Address(",".join(urls))


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
