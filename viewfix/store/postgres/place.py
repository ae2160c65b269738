"""A URL goes in; what libpq connects with and the name of the map come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ...errors import BadInput
from ...optional import optional
from ..address import Address

CONNECT_SECONDS = 10
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class Place:
    """A map in a database: `parameters` are libpq's, `map` is the PostgreSQL schema that holds the tables."""

    address: Address
    parameters: dict[str, Any]
    map: str

    @classmethod
    def of(cls, address: Address) -> Place:
        """What a URL such as postgresql://host/db?map=city says.

        Raises:
            BadInput: it names no map, or is no URL of PostgreSQL.
            MissingExtra: psycopg is not installed.
        """
        psycopg = optional("psycopg")
        url, _, query = address.text.partition("?")
        parts = query.split("&") if query else []
        names = [unquote(part[4:]) for part in parts if part.startswith("map=")]
        if len(names) != 1 or not _NAME.fullmatch(names[0]):
            raise BadInput(
                f"{address} names {f'the map {names[0]!r}' if names else 'no map'}. End the URL with ?map=NAME, one "
                "word of a to z, 0 to 9 and _ that begins with a letter, such as postgresql://host/db?map=city."
            )
        rest = "&".join(part for part in parts if not part.startswith("map="))
        try:
            parameters = psycopg.conninfo.conninfo_to_dict(f"{url}?{rest}" if rest else url)
        except psycopg.ProgrammingError as error:
            raise BadInput(
                f"{address} is no URL of PostgreSQL ({str(error).splitlines()[0]}). Write postgresql://USER@HOST/DATABASE?map=NAME."
            ) from None
        usual = {"connect_timeout": CONNECT_SECONDS, "application_name": "viewfix", "keepalives_idle": 30}
        return cls(address, {**usual, **parameters}, names[0])
