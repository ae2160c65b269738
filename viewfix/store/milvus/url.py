"""The URL of a map in Milvus: the server, the collection, and where the records are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from ...errors import BadInput
from ..address import Address

RECORDS = "VIEWFIX_RECORDS"
"""The environment variable that names the records where the URL does not."""

DEFAULT_PORT = 19530
INDEXES = ("ivf_sq8", "ivf_pq", "hnsw", "flat")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_KNOWN = ("records", "token", "secure", "database", "index")


@dataclass(frozen=True, slots=True)
class MilvusUrl:
    """A map in Milvus: `uri` and `token` are for the client, `records` is the map that stores the truth."""

    address: Address
    uri: str
    token: str
    database: str
    collection: str
    records: Address
    index: str

    @classmethod
    def of(cls, address: Address) -> MilvusUrl:
        """Parse a URL such as milvus://host:19530/city?records=postgresql://…

        Raises:
            BadInput: it names no map, or has an unknown option.
        """
        address.check_password()
        try:
            parts = urlsplit(address.text.partition("?")[0])
            port = parts.port or DEFAULT_PORT
        except ValueError as error:  # brackets that are not of an IPv6 address, a port that is not a number
            raise BadInput(f"{address} is not a URL of Milvus ({error}). Write milvus://HOST:19530/NAME.") from None
        name = unquote(parts.path.strip("/"))
        if not parts.hostname or not _NAME.fullmatch(name):
            raise BadInput(
                f"{address} names {f'the map {name!r}' if name else 'no map'}. Write milvus://HOST:19530/NAME, with a "
                "NAME of letters, digits and _ that begins with a letter."
            )
        given = _options(address)
        index = given.get("index", INDEXES[0])
        if index not in INDEXES:
            raise BadInput(f"{address} names the unknown index {index!r}. Use one of: {', '.join(INDEXES)}.")
        scheme = "https" if given.get("secure", "").lower() in ("1", "true", "yes") else "http"
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        return cls(
            address,
            f"{scheme}://{parts.hostname}:{port}",
            given.get("token", user),
            given.get("database", "default"),
            f"viewfix_{name}",
            Address(given.get("records") or os.environ.get(RECORDS) or f"{name}.map"),
            index,
        )


def with_records(address: Address, records: Address) -> Address:
    """The same map, its records at another address."""
    base, _, _ = address.text.partition("?")
    options = {**_options(address), "records": records.text}
    return Address(f"{base}?{urlencode(options)}")


def _options(address: Address) -> dict[str, str]:
    """The options of the URL. The records may be a URL too: they come last, or are percent-encoded."""
    query = address.text.partition("?")[2]
    head, marker, records = query.partition("records=")
    if marker and "://" in records and "%3A" not in records.upper():
        given = dict(parse_qsl(head.rstrip("&"))) | {"records": records}
    else:
        given = dict(parse_qsl(query))
    if unknown := set(given) - set(_KNOWN):
        raise BadInput(f"{address} has the unknown option {', '.join(sorted(unknown))}. Use: {', '.join(_KNOWN)}.")
    return given
