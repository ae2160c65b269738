"""A photo's name finds the .json file that Google Takeout wrote beside it, and that file becomes Metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..photos import Metadata
from ..photos.coordinates import checked
from ..photos.values import number

LONGEST = 46
"""Takeout cuts names to 51 characters with ".json", so a long photo name loses its end there."""

EDITED = ("-edited", "-bearbeitet", "-modifié", "-modificato", "-editado", "-bewerkt")
"""An edited copy has no sidecar of its own: that of the original tells where it was taken."""


def sidecar_of(name: str, names: Set[str]) -> str | None:
    """The sidecar of a photo among the names of the files in its folder.

    For `IMG.jpg` that is `IMG.jpg.supplemental-metadata.json`, or that name cut short
    anywhere after `IMG.jpg`, or the older `IMG.jpg.json`; for `IMG(1).jpg` the number
    stands at the end: `IMG.jpg.supplemental-metadata(1).json`.
    """
    stem, dot, suffix = name.rpartition(".")
    numbered = re.fullmatch(r"(.+)(\(\d+\))", stem)
    tries = [(name, "")]
    if numbered:
        tries.append((numbered[1] + dot + suffix, numbered[2]))
    tries += [(stem.removesuffix(end) + dot + suffix, "") for end in EDITED if stem.endswith(end)]
    for photo, number_ in tries:
        whole = f"{photo}.supplemental-metadata"
        for length in range(len(whole), min(len(photo), LONGEST) - 1, -1):
            if (found := f"{whole[:length]}{number_}.json") in names:
                return found
    return None


def read(path: Path) -> Metadata:
    """What a sidecar says; nothing where it cannot be read, for the photo may do without."""
    try:
        about = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return Metadata(no_position=f"its sidecar {path.name} is damaged")
    if not isinstance(about, dict):
        return Metadata()
    position = problem = None
    for key in ("geoData", "geoDataExif"):  # the first is what the owner corrected by hand
        if position is None:
            position, problem = _position(about.get(key))
    return Metadata(position=position, taken_at=_taken_at(about.get("photoTakenTime")), no_position=problem)


def _position(geo: Any) -> tuple[Any, str | None]:
    if not isinstance(geo, dict):
        return None, None
    lat, lon = number(geo.get("latitude")), number(geo.get("longitude"))
    # Takeout writes (0, 0) for "not known", so that is no problem to report.
    return (None, None) if lat is None or lon is None or lat == lon == 0 else checked(lat, lon)


def _taken_at(taken: Any) -> datetime | None:
    seconds = number(taken.get("timestamp")) if isinstance(taken, dict) else None
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
