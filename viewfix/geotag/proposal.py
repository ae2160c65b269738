"""Where a photo of an album was probably taken, with the evidence, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ..types import Position
from .tag import Tag

State = Literal["placed", "unsure", "positioned", "wrong", "written", "skipped"]
STATES: Mapping[State, str] = {
    "placed": "with a new position",
    "unsure": "not in this map, or not sure enough",
    "positioned": "with a position of their own",
    "wrong": "with a position of their own that the map contradicts",
    "written": "written by an earlier run",
    "skipped": "that cannot be read",
}
"""What each state means, as the end of "5 photos ..."."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo of the map that looks like a photo of the album. `inliers` is None if it was not verified."""

    id: str
    similarity: float
    inliers: int | None
    lat: float
    lon: float
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where one photo was probably taken.

    `id` is its path below the folder of the album, with forward slashes. `state` says what to do with it. `tag` is the
    best guess, also where it is not sure enough; None if there is none. `own` is the position that the photo has
    already. `reason` is one sentence for people, and `seen` are the photos of the map behind it, best first.
    """

    file: Path
    id: str
    state: State
    tag: Tag | None
    reason: str
    taken_at: datetime | None = None
    own: Position | None = None
    seen: tuple[Seen, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values."""
        return {
            "photo": self.id,
            "state": self.state,
            **({} if self.tag is None else self.tag.to_json()),
            "own": None if self.own is None else {"lat": self.own.lat, "lon": self.own.lon},
            "taken_at": None if self.taken_at is None else self.taken_at.isoformat(),
            "reason": self.reason,
            "seen": [
                {"id": each.id, "similarity": round(each.similarity, 4), "inliers": each.inliers} for each in self.seen
            ],
        }

    def __str__(self) -> str:
        if self.tag is None or self.state in ("skipped", "written", "positioned"):
            return f"{self.id}: {self.state}: {self.reason}"
        at = self.tag.position
        radius = "" if at.radius_m is None else f" +/- {at.radius_m:.0f} m"
        sure = "" if self.tag.confidence is None else f", probability {min(int(100 * self.tag.confidence), 99) / 100}"
        name = self.tag.place or self.tag.road
        where = f", {name}" if name else ""
        return f"{self.id}: {self.state}: {at.lat:.6f}, {at.lon:.6f}{radius}{sure}, by {self.tag.by}{where}"
