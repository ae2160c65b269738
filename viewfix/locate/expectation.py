"""The expected performance of a map: the share of new photos that it would find, and what would help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import BadInput
from ..geo import Box
from ..shell import shell_quoted

Advice = Literal["none", "coverage", "fetch"]
"""What helps: nothing is needed, `viewfix coverage` shows where to take photos, or there are so few photos that
street-level pictures should be fetched."""

ENOUGH = 0.7
"""From this share of found photos on, no advice is given."""

FEW_M = 40.0
"""With photos farther apart than this, a street of 200 m has fewer than five: a few photos more do not help."""

SPARSE_M = 15.0
"""With photos closer than this, a map is not called sparse: photos are missed for another reason."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The share of new photos of the same streets that a map would find, estimated from its own left-out photos.

    `share_found`, [0, 1], is for answers by verification where similarity leaves a doubt, the default;
    `share_found_by_similarity` is for answers without it, as on a phone. `left_out` photos were searched for.
    `spacing_m` is the median distance from a photo to the next one outside its own place; None if there is none within
    200 m. `box` is (south, west, north, east) around the photos, or around most of them if they are far apart.
    """

    share_found: float
    share_found_by_similarity: float
    left_out: int
    spacing_m: float | None
    box: tuple[float, float, float, float]

    @property
    def advice(self) -> Advice:
        """What would help most."""
        if self.share_found >= ENOUGH:
            return "none"
        return "fetch" if self.spacing_m is None or self.spacing_m > FEW_M else "coverage"

    def to_json(self) -> dict[str, Any]:
        """The numbers and the advice, ready for JSON."""
        return {**asdict(self), "box": list(self.box), "advice": self.advice}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Expectation | None:
        """Read the stored form; None if there is none, or if it is damaged."""
        try:
            given = stored or {}
            south, west, north, east = map(float, given["box"])
            box = Box(south, west, north, east)
            found, by_similarity = (float(given[name]) for name in ("share_found", "share_found_by_similarity"))
            spacing_m = None if given["spacing_m"] is None else float(given["spacing_m"])
            left_out = int(given["left_out"])
        except (KeyError, TypeError, ValueError, BadInput):
            return None
        if not (0 <= found <= 1 and 0 <= by_similarity <= 1):
            return None
        return cls(found, by_similarity, left_out, spacing_m, (box.south, box.west, box.north, box.east))


def in_words(expectation: Expectation | None, place: str) -> list[str]:
    """The expectation as lines for a terminal: what the map finds, and what to do for more.

    Args:
        expectation: that of the map; None if too few of its photos could be left out.
        place: the map, as a user types it in a command.
    """
    if expectation is None:
        return ["too few photos to tell how many new ones would be found"]
    found = f"about {per_hundred(expectation.share_found)} in 100 new photos of these streets would be found"
    advice, map_name = expectation.advice, shell_quoted(place)
    if advice == "none":
        return [found]
    apart_m = expectation.spacing_m
    if apart_m is None:
        found += "; the map is sparse (hardly any photo is within 200 m of another)"
    elif apart_m > SPARSE_M:
        found += f"; the map is sparse (one photo every {apart_m:.0f} m)"
    if advice == "coverage":
        return [f"{found}: viewfix coverage {map_name} shows where to take more"]
    return [
        f"{found}. Street-level pictures of this area help more than a few photos:",
        f"  viewfix fetch {fetched(expectation)} -o streets && viewfix add {map_name} streets",
    ]


def fetched(expectation: Expectation) -> str:
    """The area of the map as a source of `viewfix fetch` and `viewfix build`."""
    return "panoramax:" + ",".join(f"{side:.4f}" for side in expectation.box)


def per_hundred(share: float) -> int:
    """A share as a number of 100, which is 0 and 100 only if it is exactly that."""
    return round(100 * share) if share in (0.0, 1.0) else min(99, max(1, round(100 * share)))
