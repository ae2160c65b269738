"""The tables of a map file: create them, read their version, bring an older map up to date."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import NotAMap
from .path import MapPath

APPLICATION_ID = 0x56464D31  # "VFM1": marks an SQLite file as a map
PAGE_BYTES = 16_384  # 512 float16 fill 15 rows of a page: 1,093 bytes each, against 1,369 with pages of 4,096

# A row number is used once (AUTOINCREMENT), and the position and the descriptor of a row never change: whatever was
# derived from the rows up to n stays valid, except that rows may be removed.
_FIRST = """
CREATE TABLE photos (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    lat REAL NOT NULL,
    lon REAL NOT NULL,
    radius_m REAL,
    heading_deg REAL,
    taken_at TEXT,
    attribution TEXT,
    licence TEXT,
    content_hash TEXT NOT NULL,
    content_hint TEXT
);
CREATE INDEX photos_by_source ON photos (source);
CREATE VIRTUAL TABLE places USING rtree(row, south, north, west, east);
CREATE TABLE descriptors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE skipped (id TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counts (photos INTEGER NOT NULL, removals INTEGER NOT NULL);
INSERT INTO counts VALUES (0, 0);
"""


def _first(connection: sqlite3.Connection) -> None:
    for statement in _FIRST.split(";\n"):
        connection.execute(statement)


# `number` is the order of insertion; `bytes` comes before `features`, so that summing sizes does not read features.
_LOCAL_FEATURES = """
CREATE TABLE local_features (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    row INTEGER NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    features BLOB NOT NULL
)"""


def _local_features(connection: sqlite3.Connection) -> None:
    connection.execute(_LOCAL_FEATURES)


# Points are searched by place; and, to find duplicates, by Wikidata item or name together with latitude.
_POINTS = """
CREATE TABLE point_sources (
    source INTEGER PRIMARY KEY AUTOINCREMENT,
    file TEXT NOT NULL UNIQUE,
    attribution TEXT,
    licence TEXT,
    added_at TEXT NOT NULL,
    points INTEGER NOT NULL
);
CREATE TABLE points (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    lat REAL NOT NULL,
    lon REAL NOT NULL,
    notability REAL NOT NULL,
    wikidata TEXT,
    names TEXT NOT NULL,
    links TEXT NOT NULL,
    UNIQUE (source, id)
);
CREATE INDEX points_by_name ON points (name_key, lat);
CREATE INDEX points_by_wikidata ON points (wikidata, lat) WHERE wikidata IS NOT NULL;
CREATE VIRTUAL TABLE point_places USING rtree(number, south, north, west, east)
"""


def _points(connection: sqlite3.Connection) -> None:
    for statement in _POINTS.split(";\n"):
        connection.execute(statement)


def _views(connection: sqlite3.Connection) -> None:
    """Add the part of its file that a photo shows, and its camera. Both are JSON objects."""
    connection.execute("ALTER TABLE photos ADD COLUMN view TEXT")
    connection.execute("ALTER TABLE photos ADD COLUMN camera TEXT")


# One row for each file. An outline is that of a point that is an area: JSON [[lat, lon], ...].
_ROADS = """
CREATE TABLE roads (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    file TEXT NOT NULL UNIQUE,
    attribution TEXT,
    licence TEXT,
    added_at TEXT NOT NULL,
    edges INTEGER NOT NULL,
    length_m REAL NOT NULL,
    sha256 TEXT NOT NULL,
    graph BLOB NOT NULL
);
CREATE TABLE outlines (number INTEGER PRIMARY KEY, outline TEXT NOT NULL)
"""


def _roads(connection: sqlite3.Connection) -> None:
    for statement in _ROADS.split(";\n"):
        connection.execute(statement)


# STEPS[n] brings a map of schema n to schema n + 1. A released step is never edited: a change is a new step.
STEPS: list[Callable[[sqlite3.Connection], None]] = [_first, _local_features, _points, _views, _roads]

# A reader never changes a map. Temporary tables of the connection, where SQLite looks first, stand in for what an
# older map lacks: (the first schema that has it, the stand-in for older ones).
_STAND_INS: list[tuple[int, str]] = [
    (2, "CREATE TEMP TABLE local_features (number, row, bytes, features)"),
    (3, "CREATE TEMP TABLE point_sources (source, file, attribution, licence, added_at, points)"),
    (3, "CREATE TEMP TABLE points (number, source, id, name, name_key, kind, lat, lon, notability, wikidata, names, "
        "links)"),
    (3, "CREATE TEMP TABLE point_places (number, south, north, west, east)"),
    # Once another process migrates the map, its own columns come before these of the same name.
    (4, "CREATE TEMP VIEW photos AS SELECT *, NULL AS view, NULL AS camera FROM main.photos"),
    (5, "CREATE TEMP TABLE roads (number, file, attribution, licence, added_at, edges, length_m, sha256, graph)"),
    (5, "CREATE TEMP TABLE outlines (number, outline)"),
]  # fmt: skip


def stand_in(connection: sqlite3.Connection, number: int) -> None:
    """Let a connection read a map of the older schema `number` as if it had the current one."""
    for since, statement in _STAND_INS:
        if number < since:
            connection.execute(statement)


def version() -> int:
    """The number of the schema that this viewfix writes."""
    return len(STEPS)


def make(connection: sqlite3.Connection, meta: Mapping[str, Any]) -> None:
    """Create the tables of a map in an empty database, in one transaction."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _apply_steps(connection, 0)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in meta.items()])
    connection.execute("COMMIT")


def found(connection: sqlite3.Connection, path: MapPath) -> int:
    """The schema number of the map behind a connection.

    Raises:
        NotAMap: it is not a map, or a newer viewfix made it.
    """
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    if mark != APPLICATION_ID or number < 1:
        raise NotAMap(
            f"{path} is not a map: it was not made by viewfix. Build one elsewhere: viewfix build NEW.map PHOTOS"
        )
    if number > version():
        raise NotAMap(
            f"{path} was made by a newer viewfix: its schema is {number}, this viewfix reads up to {version()}. "
            "Run: pip install --upgrade viewfix"
        )
    return int(number)


def migrate(connection: sqlite3.Connection, number: int) -> None:
    """Update a map of schema `number` to the current one, in one transaction."""
    if number == version():
        return
    connection.execute("BEGIN IMMEDIATE")
    _apply_steps(connection, number)
    connection.execute("COMMIT")


def _apply_steps(connection: sqlite3.Connection, number: int) -> None:
    try:
        for step in STEPS[number:]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {version()}")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
