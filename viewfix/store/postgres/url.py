"""The URL of a map in PostgreSQL: what libpq connects with, and the name of the map."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ...errors import BadInput
from ...optional import optional
from ..address import Address
from ..records import ModelIdentity

CONNECT_SECONDS = 10
MOST_DIM = 16_000  # numbers of a halfvec
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A map in a database: `parameters` are libpq's, `map` is the PostgreSQL schema that contains the tables."""

    address: Address
    parameters: dict[str, Any]
    map: str

    @classmethod
    def of(cls, address: Address) -> DatabaseUrl:
        """Parse a URL such as postgresql://host/db?map=city.

        Raises:
            BadInput: it names no map, or is not a URL of PostgreSQL.
            MissingExtra: psycopg is not installed.
        """
        address.check_password()
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
            seen = address.without_secrets((str(error).splitlines() or ["it cannot be parsed"])[0])
            raise BadInput(
                f"{address} is not a URL of PostgreSQL ({seen}). Write postgresql://USER@HOST/DATABASE?map=NAME."
            ) from None
        usual = {"connect_timeout": CONNECT_SECONDS, "application_name": "viewfix", "keepalives_idle": 30}
        return cls(address, {**usual, **parameters}, names[0])


def check_size(model: ModelIdentity) -> None:
    """Refuse a model whose descriptors PostgreSQL cannot store.

    Raises:
        BadInput: they have more than 16,000 numbers.
    """
    if model.dim > MOST_DIM:
        raise BadInput(
            f"PostgreSQL stores descriptors of at most {MOST_DIM:,} numbers, and those of {model.name} have "
            f"{model.dim:,}. Store the map in a file (city.map), or in Milvus, which takes up to 32,768, with its "
            "records in a file; or choose a model with fewer."
        )
