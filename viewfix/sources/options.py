"""Options for reading sources: panoramas, films, and tracks that give positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..errors import BadInput
from ..telemetry import Track, read_gpx
from ..telemetry.clock import ClockOptions

PanoramaMode = Literal["ask", "yes", "no"]
"""Whether pictures are panoramas: told by their metadata ("ask"), all those of the right shape ("yes"), or none."""

VIEWS = 8
"""The default number of views that are cut out of a panorama; see docs/panoramas.md for what others achieve."""

MOST_VIEWS = 72
SPACING_M = 5.0
"""The default distance between two frames of a film."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read panoramas, films, and photos without a position.

    `panorama` says which pictures are panoramas: "ask" for those whose metadata says so, and a question where only the
    shape does; "yes" for all pictures twice as wide as high; "no" for none. `views` is the number of views of 90
    degrees to cut out of each, all around. `spacing_m` is the distance between two frames of a film; None for 5 m.
    `gpx` is a track for films and for photos that have no position; `camera_zone` is the zone of the camera's local
    time ("+02:00" or "Europe/Helsinki"), and `clock_offset_s` what to add to its time to make it that of the track.

    Raises:
        BadInput: a value is out of range.
    """

    panorama: PanoramaMode = "ask"
    views: int = VIEWS
    spacing_m: float | None = None
    gpx: Path | str | None = None
    clock_offset_s: float | None = None
    camera_zone: str | None = None

    def __post_init__(self) -> None:
        if self.panorama not in get_args(PanoramaMode):
            raise BadInput(f'panorama is {self.panorama!r}. Pass "ask", "yes" or "no".')
        if isinstance(self.views, bool) or not isinstance(self.views, int) or not 1 <= self.views <= MOST_VIEWS:
            raise BadInput(f"views must be a whole number from 1 to {MOST_VIEWS}; got {self.views!r}.")
        if self.spacing_m is not None and not 0 < self.spacing_m < math.inf:
            raise BadInput(f"spacing_m must be more than 0, in metres; got {self.spacing_m}.")
        if self.clock_offset_s is not None and not math.isfinite(self.clock_offset_s):
            raise BadInput(f"clock_offset_s must be a number of seconds; got {self.clock_offset_s}.")
        if self.gpx is None and (self.clock_offset_s is not None or self.camera_zone is not None):
            raise BadInput("A clock offset or a camera zone needs a track. Pass it with --gpx TRACK.gpx.")
        ClockOptions(self.clock_offset_s, self.camera_zone)

    def track(self) -> Track | None:
        """The track of `gpx`, read now; None without one.

        Raises:
            BadInput: it cannot be read.
        """
        return None if self.gpx is None else read_gpx(self.gpx)


USUAL_OPTIONS = SourceOptions()
