"""The street-level photos of the benchmarks, and their ground truth."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

from viewfix import Position

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Truth:
    """A photo and its true position."""

    file: Path
    position: Position
    heading_deg: float


def cambridge(data: Path, part: str, table: str) -> list[Truth]:
    """The photos of one table of the cambridge set: ("test", "map"), ("test", "queries") or ("train", "map")."""
    folder = data / "cambridge" / part
    if not folder.is_dir():
        sys.exit(f"There are no photos in {folder}. Name the folder that holds cambridge/ with --data.")
    with (folder / f"{table}.csv").open(newline="") as file:
        return [
            Truth(folder / row["file"], Position(float(row["lat"]), float(row["lon"])), float(row["heading_deg"]))
            for row in csv.DictReader(file)
        ]
