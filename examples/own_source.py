"""Build a map from a source of your own, here a log of JSON lines: python examples/own_source.py LOG MAP

Each line of the log is one photo: {"file": "1.jpg", "lat": 60.1, "lon": 24.9, "compass": 270}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from viewfix import Map, Photo, Position, Skipped, ViewfixError


def read_log(log: Path) -> Iterator[Photo | Skipped]:
    """A source is any iterable of Photo and Skipped. One bad line costs one photo, never the build."""
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            yield Photo(
                id=entry["file"],  # unique within the map
                source=str((log.parent / entry["file"]).resolve()),  # where the pixels are: a path or a URL
                position=Position(entry["lat"], entry["lon"]),  # refuses what is not a position
                heading_deg=entry.get("compass"),  # None where it is unknown
            )
        except (ValueError, KeyError, TypeError, ViewfixError) as error:
            yield Skipped(f"line {number}", f"{type(error).__name__}: {error}")


def run(log: Path, place: Path) -> Map:
    city = Map.build(place, read_log(log))
    print(city.last_added)
    for skipped in city.last_added.skipped:
        print(f"{skipped.id}: {skipped.reason}")
    return city


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2])).close()
