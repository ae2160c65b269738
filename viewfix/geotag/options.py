"""The options of geotagging and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..errors import BadInput
from ..locate.options import Verify
from ..telemetry.clock import ClockOptions
from ..track.modes import mode_named

Naming = Literal["full", "stem"]
"""The name of a new sidecar: photo.jpg.xmp, or photo.xmp."""

Write = Literal["sidecar", "exif"]
"""Where to write: into a sidecar beside the photo, or into the photo by exiftool."""

LEAST_CONFIDENCE = 0.8
"""Higher than that of `Map.locate`: what is written into an album is believed for years."""


@dataclass(frozen=True, slots=True)
class GeotagOptions:
    """How to find out where photos were taken, and what to write.

    `least_confidence`, [0, 1], is the probability from which a position is written. `mend` also replaces positions
    that the map contradicts, and `missing_only` looks at no photo that has a position. `mode` is how the camera
    moved. `gpx` are tracks; `clock_offset_s` and `camera_zone` tell about the clock of the camera, as for `viewfix
    build`. `verify` is that of `Map.locate`; by default "fast", since most photos of an album do not show the map and
    would be compared in vain. `language` is that of the names of sights; None for the local names. `write`, `naming`
    and `sidecars_in`, a folder, say where positions are written.
    """

    least_confidence: float = LEAST_CONFIDENCE
    mend: bool = False
    missing_only: bool = False
    mode: str = "walk"
    gpx: tuple[Path, ...] = ()
    clock_offset_s: float | None = None
    camera_zone: str | None = None
    verify: Verify = "fast"
    language: str | None = None
    write: Write = "sidecar"
    naming: Naming = "full"
    sidecars_in: Path | None = None

    def __post_init__(self) -> None:
        least = self.least_confidence
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
            raise BadInput(f"least_confidence must be from 0 to 1; got {least!r}.")
        for name, value, allowed in (
            ("verify", self.verify, get_args(Verify)),
            ("write", self.write, get_args(Write)),
            ("naming", self.naming, get_args(Naming)),
        ):
            if value not in allowed:
                raise BadInput(f"{name} is {value!r}. Pass one of: {', '.join(allowed)}.")
        if self.sidecars_in is not None and self.write != "sidecar":
            raise BadInput("sidecars_in names a folder for sidecars, but write is 'exif'. Pass one of them.")
        mode_named(self.mode)
        self.clock()

    def clock(self) -> ClockOptions:
        """What is known about the clock of the camera."""
        return ClockOptions(self.clock_offset_s, self.camera_zone)


USUAL_OPTIONS = GeotagOptions()
