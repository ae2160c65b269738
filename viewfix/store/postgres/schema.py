"""The tables of a map in PostgreSQL: create them, read their version, bring an older map up to date."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import BadInput, NotAMap, StorageFailed
from .connect import creation_lock
from .url import DatabaseUrl

if TYPE_CHECKING:
    from .connect import Connection

LEAST_PGVECTOR = (0, 8)

# As in a map file, a row number is used once, and the position and descriptor of a row never change. `counts` has one
# row, which every writer locks first, so that batches become visible in the order of their rows. Positions are in
# `photos`: a region is read from its index alone. A descriptor of 512 float16 takes 1,032 bytes and is stored in the
# row itself (PLAIN): a search reads hundreds of them, and must not look up each in another table.
_FIRST = """
CREATE TABLE photos (
    row bigint PRIMARY KEY,
    id text NOT NULL UNIQUE,
    source text NOT NULL,
    at point NOT NULL,
    radius_m float8,
    heading_deg float8,
    taken_at text,
    attribution text,
    licence text,
    content_hash text NOT NULL,
    content_hint text
);
CREATE INDEX photos_by_source ON photos USING hash (source);
CREATE INDEX photos_by_place ON photos USING gist (at) INCLUDE (row);
CREATE TABLE descriptors (row bigint PRIMARY KEY, vector halfvec(%(dim)s) NOT NULL);
CREATE TABLE skipped (id text PRIMARY KEY, reason text NOT NULL);
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE counts (photos bigint NOT NULL, removals bigint NOT NULL, last_row bigint NOT NULL);
INSERT INTO counts VALUES (0, 0, %(first_row)s - 1);
CREATE TABLE local_features (
    row bigint PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    bytes bigint NOT NULL,
    features bytea NOT NULL
);
ALTER TABLE local_features ALTER COLUMN features SET STORAGE EXTERNAL;
CREATE TABLE point_sources (
    source bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file text NOT NULL UNIQUE,
    attribution text,
    licence text,
    added_at text NOT NULL,
    points bigint NOT NULL
);
CREATE TABLE points (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source bigint NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    kind text NOT NULL,
    lat float8 NOT NULL,
    lon float8 NOT NULL,
    notability float8 NOT NULL,
    wikidata text,
    names text NOT NULL,
    links text NOT NULL,
    UNIQUE (source, id)
);
CREATE INDEX points_by_place ON points USING gist (point(lon, lat));
CREATE INDEX points_by_name ON points (name_key, lat);
CREATE INDEX points_by_wikidata ON points (wikidata, lat) WHERE wikidata IS NOT NULL;
CREATE TABLE model_files (fingerprint text PRIMARY KEY, content bytea NOT NULL)
"""


def _first(connection: Connection, values: Mapping[str, int]) -> None:
    for statement in (_FIRST % values).split(";\n"):
        connection.execute(statement)
    if values["dim"] * 2 + 4 < 1900:
        connection.execute("ALTER TABLE descriptors ALTER COLUMN vector SET STORAGE PLAIN")


def _views(connection: Connection, values: Mapping[str, int]) -> None:
    """Add the part of its file that a photo shows, and its camera. Both are JSON objects."""
    connection.execute("ALTER TABLE photos ADD COLUMN view text, ADD COLUMN camera text")


def _roads(connection: Connection, values: Mapping[str, int]) -> None:
    """Add the roads, one row for each file; and the outlines of points that are areas: JSON [[lat, lon], ...]."""
    connection.execute(
        "CREATE TABLE roads (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, file text NOT NULL UNIQUE, "
        "attribution text, licence text, added_at text NOT NULL, edges bigint NOT NULL, length_m float8 NOT NULL, "
        "sha256 text NOT NULL, graph bytea NOT NULL)"
    )
    connection.execute("ALTER TABLE roads ALTER COLUMN graph SET STORAGE EXTERNAL")  # it is compressed already
    connection.execute("CREATE TABLE outlines (number bigint PRIMARY KEY, outline text NOT NULL)")


# STEPS[n] brings a map of schema n to schema n + 1. A released step is never edited: a change is a new step.
STEPS: list[Callable[[Connection, Mapping[str, int]], None]] = [_first, _views, _roads]


def version() -> int:
    """The number of the schema that this viewfix writes."""
    return len(STEPS)


def require_pgvector(connection: Connection, url: DatabaseUrl) -> None:
    """Enable the extension, if the server has it and the user may.

    Raises:
        StorageFailed: the server does not have it, or its version is too old.
    """
    there = connection.execute(
        "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    if there is None:
        raise StorageFailed(
            f"{url.address}: the server has no pgvector, which searches the descriptors. Install it there (Debian: "
            "postgresql-NN-pgvector, with NN the server's version), then run the same command again."
        )
    if there[1] is None:
        with connection.transaction(), creation_lock(connection, "vector"):  # two at once fail, despite IF NOT EXISTS
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    found = there[1] or there[0]
    if tuple(int(part) for part in found.split(".")[:2]) < LEAST_PGVECTOR:
        least = ".".join(map(str, LEAST_PGVECTOR))
        raise StorageFailed(
            f"{url.address}: the server has pgvector {found}, but {least} is needed. Install a newer one there, then "
            "run in the database: ALTER EXTENSION vector UPDATE"
        )


def make(connection: Connection, url: DatabaseUrl, meta: Mapping[str, Any], values: Mapping[str, int]) -> None:
    """Create the tables of a map, in the transaction of the caller. `values` are the dim and the first row number.

    Raises:
        BadInput: a table of that schema exists already.
    """
    with creation_lock(connection, url.map):
        _make(connection, url, meta, values)


def _make(connection: Connection, url: DatabaseUrl, meta: Mapping[str, Any], values: Mapping[str, int]) -> None:
    if there_is(connection, url):
        raise BadInput(f"There is already something at {url.address}. Open it, or choose another name.")
    found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (url.map,)).fetchone()
    if found is None:  # an empty one may have been created by a user with more rights
        connection.execute(f'CREATE SCHEMA "{url.map}"')
    for step in STEPS:
        step(connection, values)
    for key, value in {**meta, "schema": version()}.items():
        connection.execute("INSERT INTO meta VALUES (%s, %s)", (key, json.dumps(value)))


def there_is(connection: Connection, url: DatabaseUrl) -> bool:
    """Whether the schema of the map has any tables."""
    query = "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s LIMIT 1"
    return connection.execute(query, (url.map,)).fetchone() is not None


def found(connection: Connection, url: DatabaseUrl) -> int:
    """The schema number of the map.

    Raises:
        NotAMap: there is no map, the tables are not those of a map, or a newer viewfix made them.
    """
    if not there_is(connection, url):
        raise NotAMap(f"There is no map at {url.address}. Build one with: viewfix build {url.address.typed} PHOTOS")
    there = connection.execute("SELECT to_regclass(%s)", (f'"{url.map}".meta',)).fetchone()
    meta: dict[str, Any] = {}
    if there is not None and there[0] is not None:
        query = f"SELECT key, value FROM \"{url.map}\".meta WHERE key IN ('format', 'schema')"
        meta = {key: json.loads(value) for key, value in connection.execute(query)}
    if meta.get("format") != "viewfix map":
        raise NotAMap(f"{url.address} is not a map: the schema {url.map} holds other tables. Choose another name.")
    number = int(meta["schema"])
    if number > version():
        raise NotAMap(
            f"{url.address} was made by a newer viewfix: its schema is {number}, this viewfix reads up to "
            f"{version()}. Run: pip install --upgrade viewfix"
        )
    return number


def migrate(connection: Connection, number: int, values: Mapping[str, int]) -> None:
    """Update a map of schema `number` to the current one, in the transaction of the caller, the only writer."""
    for step in STEPS[number:]:
        step(connection, values)
    connection.execute("UPDATE meta SET value = %s WHERE key = 'schema'", (json.dumps(version()),))
