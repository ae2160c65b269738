"""Make the sample maps of docs/spec/samples: `python docs/spec/make_map_samples.py`. Their data are drawn.

`map-good-*.map` every reader opens; `map-broken-*.map` every reader refuses.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from viewfix.store.sqlite import schema

SAMPLES = Path(__file__).parent / "samples"
DIM = 8
MODEL = {"name": "sample", "fingerprint": "5a" * 16, "dim": DIM}
META = {
    "format": "viewfix map",
    "map_id": "00112233445566778899aabbccddeeff",
    "created_at": "2026-01-02T03:04:05+00:00",
    "viewfix": "0.1.0",
    "model": MODEL,
}
COLUMNS = "row, id, source, lat, lon, radius_m, heading_deg, taken_at, attribution, licence, content_hash, content_hint"
PHOTOS = (
    (1, "a.jpg", "/photos/a.jpg", 60.1701, 24.9415, 5.0, 90.0, "2025-06-01T12:00:00+03:00", "A. Author", "CC-BY-4.0",
     "hash-a", "1000:1"),
    (2, "pano.jpg#0", "/photos/pano.jpg", 60.1702, 24.9416, None, 0.0, None, None, None, "hash-b", None),
    (4, "pano.jpg#90", "/photos/pano.jpg", 60.1702, 24.9416, None, 90.0, None, None, None, "hash-c", None),
    (5, "far.jpg", "https://example.org/far.jpg", -17.5, -179.99, None, None, None, None, None, "hash-d", None),
)  # fmt: skip
VIEWS = {
    2: ('{"yaw_deg":0.0,"pitch_deg":0.0,"field_of_view_deg":90.0}', None),
    4: (
        '{"yaw_deg":90.0,"pitch_deg":0.0,"field_of_view_deg":90.0}',
        '{"focal_px":512.5,"width_px":1024,"height_px":768,"altitude_m":12.5}',
    ),
}


def descriptors() -> dict[int, bytes]:
    """Row to descriptor: DIM little-endian float16, of length 1."""
    drawn = np.random.default_rng(0).standard_normal((len(PHOTOS), DIM))
    units = (drawn / np.linalg.norm(drawn, axis=1)[:, None]).astype("<f2")
    return {photo[0]: unit.tobytes() for photo, unit in zip(PHOTOS, units, strict=True)}


def make(file: Path, number: int, *, photos: bool = True) -> None:
    """Write a map of schema `number`."""
    file.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")  # viewfix writes 16,384; any size can be read
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        for step in schema.STEPS[:number]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {number}")
        for key, value in META.items():
            connection.execute("INSERT INTO meta VALUES (?, ?)", (key, json.dumps(value)))
        if photos:
            _fill(connection, number)


def _fill(connection: sqlite3.Connection, number: int) -> None:
    for photo in PHOTOS:
        connection.execute(f"INSERT INTO photos ({COLUMNS}) VALUES ({', '.join('?' * len(photo))})", photo)
        row, _, _, lat, lon, *_ = photo
        connection.execute("INSERT INTO places VALUES (?, ?, ?, ?, ?)", (row, lat, lat, lon, lon))
        if number >= 4 and row in VIEWS:
            connection.execute("UPDATE photos SET view = ?, camera = ? WHERE row = ?", (*VIEWS[row], row))
    connection.executemany("INSERT INTO descriptors VALUES (?, ?)", descriptors().items())
    connection.execute("UPDATE counts SET photos = ?, removals = 1", (len(PHOTOS),))  # row 3 was removed
    connection.execute("INSERT INTO skipped VALUES ('bad.jpg', 'not a picture')")
    if number >= 3:
        connection.execute(
            "INSERT INTO point_sources VALUES (1, '/points.csv', NULL, 'CC0', '2026-01-02T03:04:05+00:00', 1)"
        )
        point = (1, 1, "n/1", "Old Church", "old church", "historic=church", 60.17, 24.94, 1.0, None, "{}", "{}")
        connection.execute(f"INSERT INTO points VALUES ({', '.join('?' * len(point))})", point)
        connection.execute("INSERT INTO point_places VALUES (1, 60.17, 60.17, 24.94, 24.94)")


def changed(*statements: str) -> Callable[[Path], None]:
    """A map of the newest schema, and what is done to it."""

    def spoil(file: Path) -> None:
        make(file, len(schema.STEPS))
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return spoil


def _cut(file: Path) -> None:
    make(file, len(schema.STEPS))
    file.write_bytes(file.read_bytes()[:3_000])


ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS key, n AS value FROM r"
GOOD: dict[str, Callable[[Path], None]] = {
    "schema-1": lambda file: make(file, 1),
    "schema-2": lambda file: make(file, 2),
    "schema-3": lambda file: make(file, 3),
    "schema-4": lambda file: make(file, 4),
    "schema-5": lambda file: make(file, 5),
    "empty": lambda file: make(file, 5, photos=False),
    "further-table": changed("CREATE TABLE notes (text TEXT)", "INSERT INTO meta VALUES ('later', '1')"),
    "unfinished-migration": changed(
        "CREATE TABLE migrating (row INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
        "CREATE TABLE migrating_contents (row INTEGER PRIMARY KEY, content_hash TEXT NOT NULL, content_hint TEXT)",
        """INSERT INTO meta VALUES ('migration', '{"name": "other", "fingerprint": "6b", "dim": 4}')""",
    ),
    "damaged-row": changed(
        "UPDATE photos SET lat = 91 WHERE row = 5", "UPDATE descriptors SET vector = x'00' WHERE row = 4"
    ),
}
BROKEN: dict[str, Callable[[Path], None]] = {
    "not-sqlite": lambda file: file.write_bytes(b"viewfix map, but not an SQLite file\n") and None,
    "cut-off": _cut,
    "no-mark": changed("PRAGMA application_id = 0"),
    "newer": changed(f"PRAGMA user_version = {len(schema.STEPS) + 1}"),
    "schema-0": changed("PRAGMA user_version = 0"),
    "view": changed("ALTER TABLE meta RENAME TO meta_", f"CREATE VIEW meta AS {ENDLESS}"),
    "trigger": changed("CREATE TRIGGER t AFTER DELETE ON photos BEGIN DELETE FROM meta; END"),
    "missing-table": changed("DROP TABLE counts"),
    "another-column": changed("ALTER TABLE skipped RENAME COLUMN reason TO why"),
    "computed-column": changed(
        "DROP TABLE skipped", "CREATE TABLE skipped (id TEXT PRIMARY KEY, reason TEXT AS (printf('%.*c', 99, 'x')))"
    ),
    "computed-index": changed("CREATE INDEX computed ON photos (printf('%.*c', 99, id))"),
    "no-model": changed("DELETE FROM meta WHERE key = 'model'"),
    "model-without-size": changed(
        """UPDATE meta SET value = '{"name": "x", "fingerprint": "5a"}' WHERE key = 'model'"""
    ),
    "model-path": changed(
        """UPDATE meta SET value = '{"name": "../x", "fingerprint": "../5a", "dim": 8}' WHERE key = 'model'"""
    ),
    "unfinished-copy": changed("""INSERT INTO meta VALUES ('copy', '{"source": "other.map", "identity": "7c"}')"""),
}  # fmt: skip


def main(folder: Path = SAMPLES) -> None:
    """Write all samples."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, samples in (("map-good", GOOD), ("map-broken", BROKEN)):
        for name, write in samples.items():
            write(folder / f"{prefix}-{name}.map")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
