"""The nouns: what a map says about itself when every photo is left out in turn. No logic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ..types import Position

State = Literal["found", "doubtful", "alone", "unasked"]
"""Of a spot. "found": of its photos that were left out, three in four or more are found by the rest of the map.
"doubtful": fewer are. "alone": no other photo is near enough to find it by, so nothing can be said. "unasked": the
sample held none of its photos."""

Direction = Literal["north", "east", "south", "west"]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a camera stood, once or many times.

    `photos` stand here, of which `asked` were left out and looked for, `alone` of those had nothing near enough to be
    found by, `found` were found, and `misled` were placed elsewhere with confidence. `probability` is the mean of what
    viewfix would have said, None where nothing could be asked. `nearest_m` is the way to the next spot, None when there
    is none within reach. `missing` are the directions that no photo here or close by looks to; None where no photo
    here says where it looks. `headless` photos of this spot do not say it.
    """

    position: Position
    photo: str
    photos: int
    asked: int
    alone: int
    found: int
    misled: int
    probability: float | None
    state: State
    nearest_m: float | None
    missing: tuple[Direction, ...] | None
    headless: int

    @property
    def share_found(self) -> float | None:
        """Of those that could be found; None where there were none."""
        return self.found / (self.asked - self.alone) if self.asked > self.alone else None


@dataclass(frozen=True, slots=True)
class Seen:
    """One end of a look-alike: a photo, and where it was taken."""

    photo: str
    source: str
    position: Position


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Two places far apart that are mistaken for each other.

    `asked` was left out and looked for; `rival`, far away, has this `similarity` to it, the best photo of the right
    place only `right` (None: it is not even among the candidates). `wins` says that the rival is ahead; else it is
    behind by too little to tell. `photos` is how many left-out photos confuse these two places.
    """

    asked: Seen
    rival: Seen
    apart_m: float
    similarity: float
    right: float | None
    wins: bool
    photos: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch between two spots of one street where nobody stood; `missing` spots would fill it as the rest is."""

    start: Position
    end: Position
    middle: Position
    length_m: float
    missing: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Where to take a photo, which way (`heading_deg`, None: all round), and why, in one sentence.

    `gain` is about how many spots more a photo would be found at.
    """

    kind: Literal["gap", "not found", "alone", "directions"]
    position: Position
    heading_deg: float | None
    reason: str
    gain: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """All of it. Of `photos`, `asked` were left out and looked for, drawn by `seed` where they are not all.

    Of those, `found`, `doubtful` and `alone` add up to `asked`; `misled` of the doubtful would be placed elsewhere with
    confidence. A photo counts as found when viewfix would answer (the probability is `least_confidence` or more) and
    the answer lies within `radius_m` of the truth. `headless` photos of the map do not say where they look. `spacing_m`
    is the usual way from a spot to the next, None where there is no next. `looks` is to how many of the four directions
    the usual spot looks, None when no photo says.
    """

    map: str
    photos: int
    asked: int
    seed: int
    found: int
    doubtful: int
    alone: int
    misled: int
    radius_m: float
    least_confidence: float
    headless: int
    spacing_m: float | None
    looks: int | None
    spots: tuple[Spot, ...]
    look_alikes: tuple[LookAlike, ...]
    gaps: tuple[Gap, ...]
    suggestions: tuple[Suggestion, ...]

    @property
    def share_found(self) -> float | None:
        """Of the photos that could be found; None when nothing could be asked."""
        return self.found / (self.asked - self.alone) if self.asked > self.alone else None

    @property
    def spots_missing(self) -> int:
        """Spots with a direction that no photo there or close by looks to."""
        return sum(bool(spot.missing) for spot in self.spots)

    def figures(self) -> dict[str, Any]:
        """The numbers without the lists, ready for JSON."""
        numbers = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in LISTS}
        lengths = {f"{name}_count": len(getattr(self, name)) for name in LISTS}
        return numbers | {"share_found": self.share_found, "spots_missing": self.spots_missing} | lengths

    def to_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return self.figures() | {name: [asdict(each) for each in getattr(self, name)] for name in LISTS}


LISTS = ("spots", "look_alikes", "gaps", "suggestions")
