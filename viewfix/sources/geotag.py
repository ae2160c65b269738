"""Positions for photos that have none, by their time on a track."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..photos import Metadata
from ..telemetry import Track
from ..telemetry.clock import ClockOptions, photo_seconds


@dataclass(frozen=True)
class Geotag:
    """A track, and what is known about the clock of the camera that took the photos."""

    track: Track
    clock: ClockOptions

    def located(self, found: Metadata) -> Metadata:
        """The metadata with a position by time; if there is none, with the reason. Others pass unchanged."""
        if found.position is not None:
            return found
        if found.taken_at is None:
            return replace(found, no_position=f"it has neither a position nor a time for {self.track.source}")
        time_s = photo_seconds(found.taken_at, self.track, self.clock)
        if isinstance(time_s, str):
            return replace(found, no_position=time_s)
        fixed = self.track.at(time_s)
        if fixed is None:
            where = "outside" if not self.track.begins_s <= time_s <= self.track.ends_s else "in a gap of"
            reason = f"its time {found.taken_at:%Y-%m-%d %H:%M:%S} lies {where} {self.track.source}"
            return replace(found, no_position=f"{reason}; see --camera-zone and --clock-offset")
        # The direction of travel is not that of the camera, so the heading stays unknown.
        return replace(found, position=fixed.position, no_position=None)
