"""Check that a file has the tables of a map, and nothing that SQLite would run: views, triggers, computed columns."""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
from collections.abc import Callable

from ...errors import NotAMap
from .path import MapPath
from .schema import STEPS

MIGRATION_TABLES = {  # there while a map changes to another model
    "migrating": "CREATE TABLE migrating (row INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    "migrating_contents": "CREATE TABLE migrating_contents (row INTEGER PRIMARY KEY, content_hash TEXT NOT NULL, "
    "content_hint TEXT)",
}
MOST_OBJECTS = 1_000
_SIZE_BYTES = 20_000  # of one definition

Definition = tuple[str, str]  # type and SQL, normalised


def check(connection: sqlite3.Connection, path: MapPath, number: int) -> None:
    """Compare what the file defines with the tables of schema `number`, before any of them is read.

    Further plain tables are ignored: other programs may keep theirs in the file.

    Raises:
        NotAMap: a table is missing or defined differently, or the file contains something that could run code.
    """
    query = "SELECT type, name, tbl_name, CASE WHEN length(sql) > ? THEN '' ELSE sql END FROM sqlite_schema LIMIT ?"
    found = connection.execute(query, (_SIZE_BYTES, MOST_OBJECTS + 1)).fetchall()
    if len(found) > MOST_OBJECTS:
        raise _refused(path, f"it defines more than {MOST_OBJECTS:,} tables")
    wanted = _definitions(tuple(STEPS[:number]))
    ours: dict[str, Definition] = {}
    tables = {name for name, (kind, _) in wanted.items() if kind == "table"} | set(MIGRATION_TABLES)
    for kind, name, table, sql in found:
        if kind not in ("table", "index"):
            raise _refused(path, f"it contains a {kind}, {name[:60]!r}, which a map never does")
        if sql is None:  # made by SQLite itself, for UNIQUE and PRIMARY KEY
            continue
        if name in wanted:
            ours[name] = (kind, _normalised(sql))
        elif name in MIGRATION_TABLES:
            if _normalised(sql) != _normalised(MIGRATION_TABLES[name]):
                raise _refused(path, f"its table {name} is not as viewfix makes it")
        elif kind == "index" and table in tables:
            raise _refused(path, f"it has an index {name[:60]!r} on {table}, which a map does not have")
    for name, definition in wanted.items():
        if name not in ours:
            raise _refused(path, f"it has no {definition[0]} {name}")
        if ours[name] != definition:
            raise _refused(path, f"its {definition[0]} {name} is not as viewfix makes it")


@functools.cache
def _definitions(steps: tuple[Callable[[sqlite3.Connection], None], ...]) -> dict[str, Definition]:
    """The tables and indexes that the first steps of the schema define."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        for step in steps:
            step(empty)
        found = empty.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {name: (kind, _normalised(sql)) for kind, name, sql in found if name != "sqlite_sequence"}


def _normalised(sql: str) -> str:
    """Remove what does not matter in a definition: white space, quotes around names, "IF NOT EXISTS"."""
    plain = re.sub(r"\s+", " ", sql.replace('"', "")).strip().rstrip(";").replace("IF NOT EXISTS ", "")
    return re.sub(r" ?([(),]) ?", r"\1", plain)


def _refused(path: MapPath, seen: str) -> NotAMap:
    return NotAMap(
        f"{path} is not a map, or is damaged: {seen}. Restore it from a copy, or build it again: "
        "viewfix build NEW.map PHOTOS"
    )
