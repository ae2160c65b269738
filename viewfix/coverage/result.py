"""The result of a coverage survey, as plain values. Field names are also the keys of the JSON and the GeoJSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ..types import Position, View

State = Literal["found", "doubtful", "alone", "unasked"]
"""The state of a spot. "found": at least three in four of its tested photos are found by the rest of the map.
"doubtful": fewer are. "alone": no other photo is near enough to find it by, so nothing is known. "unasked": none of its
photos was in the sample."""

Direction = Literal["north", "east", "south", "west"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where a camera stood, once or many times.

    Of its `photos`, `asked` were left out and searched for. Of those, `alone` had no photo near enough to be found by,
    `found` were found, and `misled` were placed elsewhere with confidence. `probability` is the mean over the tested
    photos, None if there were none. `nearest_m` is the distance to the next spot, None if there is none within reach.
    `missing` are the directions in which no photo here or close by was taken, None if no photo here has a heading.
    `headless` photos of this spot have no heading. `photo` is the id of the first one.
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
        """The share found of the photos that could be found; None if none could."""
        return self.found / (self.asked - self.alone) if self.asked > self.alone else None


@dataclass(frozen=True, slots=True)
class LookAlikePhoto:
    """One of the two photos of a look-alike. `credit` must be shown with it; `view` is as in `Photo`."""

    photo: str
    source: str
    position: Position
    credit: str | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Two places far apart that are mistaken for each other.

    `asked` was left out and searched for. `rival`, `apart_m` metres away, has this `similarity` to it; the best photo
    of its own place has only `right` (None: it is not among the candidates). `wins` is True if the rival is ahead; if
    not, it is too close behind to tell. `photos` counts the left-out photos that confuse these two places.
    """

    asked: LookAlikePhoto
    rival: LookAlikePhoto
    apart_m: float
    similarity: float
    right: float | None
    wins: bool
    photos: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of street without photos between two spots; `missing` spots would fill it at the usual spacing."""

    start: Position
    end: Position
    middle: Position
    length_m: float
    missing: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Where to take a photo, in which direction (`heading_deg`; None for all round), and why, in one sentence.

    `gain` is a rough count of additional spots at which a photo would be found.
    """

    kind: Literal["gap", "not found", "alone", "directions"]
    position: Position
    heading_deg: float | None
    reason: str
    gain: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole result. Of `photos`, `asked` were left out and searched for, chosen by `seed` if not all of them.

    `found`, `doubtful` and `alone` add up to `asked`; `misled` of the doubtful would be placed elsewhere with
    confidence. A photo counts as found if viewfix would answer (with a probability of at least `least_confidence`) and
    the answer lies within `radius_m` of the true position. `headless` photos of the map have no heading. `spacing_m` is
    the median distance from a spot to the next, None if no spot has a next one. `looks` is the number of the four
    directions seen at the median spot, None if no photo has a heading.
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
        """The share found of the photos that could be found; None if none could."""
        return self.found / (self.asked - self.alone) if self.asked > self.alone else None

    @property
    def spots_missing(self) -> int:
        """The number of spots at which a direction is missing."""
        return sum(bool(spot.missing) for spot in self.spots)

    def figures(self) -> dict[str, Any]:
        """The numbers without the lists, ready for JSON."""
        numbers = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in LISTS}
        lengths = {f"{name}_count": len(getattr(self, name)) for name in LISTS}
        return numbers | {"share_found": self.share_found, "spots_missing": self.spots_missing} | lengths

    def to_json(self) -> dict[str, Any]:
        """The whole result, ready for JSON."""
        return self.figures() | {name: [asdict(each) for each in getattr(self, name)] for name in LISTS}


LISTS = ("spots", "look_alikes", "gaps", "suggestions")
