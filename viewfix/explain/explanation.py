"""An answer with all its evidence, and its HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..basemap import Basemap
from ..errors import StorageFailed
from ..files import write_whole
from ..links import NAMES
from ..reports.formatting import credit, heading, length, place, probability
from ..reports.render import render
from ..types import Fix, Position
from .numbers import number_rows, verdict
from .pairs import HIGH_PX, pair_view, stored
from .parts import Anchor, Number, Pair, Pixels
from .plan import plan_view


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer and the evidence behind it. A notebook displays it as a page.

    `query` is (H, W, 3) uint8 RGB, upright. `pairs` are the candidates, best first; `best_pair` is the index of the
    one that is the strongest evidence for the place in question. `photos_around` are positions of photos of the map
    near that place, of `photos_in_map` altogether. `numbers` add up to the log-odds of `fix.confidence`; an answer
    needs at least `least_confidence`. `calibration` explains in one sentence where the probability comes from; `notes`
    are further sentences for the reader. `basemap` is drawn under the plan.
    """

    name: str
    query: Pixels
    fix: Fix
    pairs: tuple[Pair, ...]
    photos_around: tuple[Position, ...]
    photos_in_map: int
    numbers: tuple[Number, ...]
    least_confidence: float
    calibration: str
    notes: tuple[str, ...] = ()
    best_pair: int = 0
    basemap: Basemap | None = None

    def html(self) -> str:
        """The explanation as one self-contained HTML page."""
        fix = self.fix
        anchor = self._anchor()
        return render(
            "explain/page.html",
            credits=[credit(pair.candidate.photo) for pair in self.pairs if pair.picture is not None],
            explanation=self,
            answer=_answer(fix),
            camera=None if fix.heading_deg is None else heading(fix.heading_deg),
            links=[(NAMES[kind], address) for kind, address in fix.links.items()],
            query=stored(self.query),
            high_px=HIGH_PX,
            pairs=[pair_view(pair, self.query.shape, anchor) for pair in self.pairs],
            plan=plan_view(
                fix, [pair.candidate for pair in self.pairs], self.photos_around, self.photos_in_map, self.basemap
            ),
            numbers=number_rows(self.numbers),
            verdict=verdict(fix, self.least_confidence),
        )

    def save(self, path: str | Path) -> None:
        """Write the page to a file.

        Raises:
            StorageFailed: the file cannot be written.
        """
        try:
            write_whole(Path(path), self.html())
        except OSError as error:
            raise StorageFailed(f"Cannot write {path} ({error.strerror}). Choose another file.") from error

    def _repr_html_(self) -> str:
        return self.html()

    def _anchor(self) -> Anchor | None:
        if self.fix.position is not None:
            return Anchor(self.fix.position, "the fix")
        if self.pairs:
            return Anchor(self.pairs[self.best_pair].candidate.photo.position, "the best candidate")
        return None


def _answer(fix: Fix) -> str:
    if fix.position is None:
        return "not in this map"
    within = "" if fix.position.radius_m is None else f", within {length(fix.position.radius_m)}"
    return f"{place(fix.position)}{within}, probability {probability(fix.confidence)}"
