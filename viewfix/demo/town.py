"""A small drawn town that can be photographed: views with true positions, written as JPEG files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ..embed.describe import cores
from ..geo import Plane, wrap_heading_deg
from ..types import Position
from . import light
from .light import Light
from .plan import Plan, Point, Thing, draw_plan
from .scene import PinholeCamera, Scene
from .styles import HARBOUR, OLD_TOWN, Look

ORIGIN = Position(50.0, 20.0)
FIELD_OF_VIEW_DEG = 75.0
EDGE_M = 34.0
TAKEN_AT = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """One photo that can be taken: position in metres from the centre of the town, heading clockwise from north."""

    name: str
    east_m: float
    north_m: float
    heading_deg: float
    light: Light = light.DAY
    field_of_view_deg: float = FIELD_OF_VIEW_DEG
    passing: tuple[Thing, ...] = ()
    story: str = ""


class Town:
    """A drawn town. The same seed makes the same town on every computer; another look makes another kind of town."""

    def __init__(
        self,
        seed: int = 0,
        *,
        blocks: int = 2,
        look: Look = OLD_TOWN,
        origin: Position = ORIGIN,
        px_per_m: float = 24.0,
    ) -> None:
        self.seed, self.look, self.origin, self.px_per_m = seed, look, origin, px_per_m
        self.plan: Plan = draw_plan(seed, blocks)
        self._plane = Plane(origin)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """One block in coarse paint: painted in a second, for tests."""
        return cls(seed, blocks=1, px_per_m=8.0)

    @classmethod
    def elsewhere(cls, seed: int = 0) -> Self:
        """A different town, a harbour of glass and concrete. No map of an old town shows it."""
        return cls(seed + 1000, blocks=1, look=HARBOUR, origin=Position(51.0, 21.0))

    @cached_property
    def _scene(self) -> Scene:
        return Scene(self.plan, self.look, self.seed, px_per_m=self.px_per_m)

    def prepare(self) -> None:
        """Paint everything that does not depend on the viewpoint."""
        assert self._scene is not None

    def render(self, view: Viewpoint, *, width_px: int = 480, height_px: int = 360) -> npt.NDArray[np.uint8]:
        """Render the view as (height_px, width_px, 3) uint8 RGB."""
        focal_px = width_px / 2 / math.tan(math.radians(view.field_of_view_deg / 2))
        camera = PinholeCamera(view.east_m, view.north_m, view.heading_deg, width_px, height_px, focal_px)
        return self._scene.render(camera, view.light, view.passing)

    def position(self, view: Viewpoint) -> Position:
        """The true position of a view."""
        return self._plane.to_position(view.east_m, view.north_m)

    def metres(self, at: Position) -> Point:
        """Metres east and north of the centre of the town."""
        [[east, north]] = self._plane.to_xy_m([at.lat], [at.lon])
        return float(east), float(north)

    def map_views(self, *, step_m: float = 12.0) -> list[Viewpoint]:
        """The photos of a survey: along every street, a point every `step_m` metres, and four directions from each."""
        return [
            Viewpoint(f"{point:04d}_{turn:03d}", *place, wrap_heading_deg(heading + turn), self._weather(point))
            for point, (place, heading) in enumerate(self._points(step_m))
            for turn in (0, 90, 180, 270)
        ]

    def query_views(self, count: int = 12, *, seed: int = 0) -> list[Viewpoint]:
        """The photos of visitors: between the points of the survey, askew, zoomed, at other hours, a van in the way."""
        rng = np.random.default_rng([self.seed, seed, 8])
        points = list(self._points(12.0))
        chosen = rng.permutation(len(points))[:count]
        hours = (light.DAY, light.DUSK, light.OVERCAST, light.AFTERNOON, light.DUSK, light.MORNING)
        return [
            self._query(number, points[point], hours[number % len(hours)], rng) for number, point in enumerate(chosen)
        ]

    def _query(self, number: int, stop: tuple[Point, float], hour: Light, rng: np.random.Generator) -> Viewpoint:
        place, street_deg = stop
        along_m, aside_m = rng.uniform(0.0, 5.0), rng.uniform(-1.5, 1.5)
        angle = math.radians(street_deg)
        east = place[0] + along_m * math.sin(angle) + aside_m * math.cos(angle)
        north = place[1] + along_m * math.cos(angle) - aside_m * math.sin(angle)
        turn = float(rng.choice([0, 90, 180, 270]))
        askew = float(rng.uniform(0, 12) * rng.choice([-1, 1]))
        heading = wrap_heading_deg(street_deg + turn + askew)
        story = [hour.name, f"{along_m:.0f} m on, {abs(askew):.0f}° askew"]
        zoom = float(rng.uniform(60, 70)) if number % 4 == 2 else FIELD_OF_VIEW_DEG
        if zoom != FIELD_OF_VIEW_DEG:
            story.append("zoomed in")
        passing: tuple[Thing, ...] = ()
        if number % 6 == 3:
            ahead = math.radians(heading + 22)
            van = (east + 7.0 * math.sin(ahead), north + 7.0 * math.cos(ahead))
            passing = (Thing("van", *van, wrap_heading_deg(heading + 90)),)
            story.append("a van passing")
        return Viewpoint(f"query_{number:02d}", east, north, heading, hour, zoom, passing, ", ".join(story))

    def _points(self, step_m: float) -> Iterator[tuple[Point, float]]:
        """The points of a survey, and the direction of the street at each."""
        for street in self.plan.streets:
            (ax, ay), (bx, by) = street.start, street.end
            length = math.dist(street.start, street.end)
            heading = math.degrees(math.atan2(bx - ax, by - ay))
            for metres in np.arange(step_m / 2, length - step_m / 4, step_m):
                share = float(metres) / length
                east, north = ax + share * (bx - ax), ay + share * (by - ay)
                if max(abs(east), abs(north)) > self.plan.half_m - EDGE_M:
                    continue  # nothing to recognise beyond the last houses
                yield (east, north), wrap_heading_deg(heading)

    def _weather(self, point: int) -> Light:
        """The light at a point: a survey takes days, some sunny and some not."""
        return (light.DAY, light.DAY, light.OVERCAST, light.MORNING)[point // 8 % 4]


def write_views(
    town: Town,
    views: Sequence[Viewpoint],
    folder: Path,
    *,
    width_px: int = 480,
    height_px: int = 360,
    tell_position: bool = True,
) -> list[Path]:
    """Take the photos: one JPEG for each view, with position and heading in EXIF as a phone writes them.

    With `tell_position` False they have no EXIF, as queries should.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def take(numbered: tuple[int, Viewpoint]) -> Path:
        number, view = numbered
        file = folder / f"{view.name}.jpg"
        exif = _exif(town.position(view), view.heading_deg, number) if tell_position else Image.Exif()
        Image.fromarray(town.render(view, width_px=width_px, height_px=height_px)).save(file, quality=88, exif=exif)
        return file

    town.prepare()  # before the threads start: each of them would paint the whole town
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(take, enumerate(views)))


def _exif(at: Position, heading_deg: float, number: int) -> Image.Exif:
    """GPS position, heading from true north and time, under the tag numbers of the EXIF standard."""
    exif = Image.Exif()
    taken_at = TAKEN_AT + timedelta(seconds=20 * number)
    exif.get_ifd(0x8769).update({0x9003: taken_at.strftime("%Y:%m:%d %H:%M:%S"), 0x9011: "+00:00"})
    exif.get_ifd(0x8825).update(
        {
            1: "N" if at.lat >= 0 else "S",
            2: _degrees(abs(at.lat)),
            3: "E" if at.lon >= 0 else "W",
            4: _degrees(abs(at.lon)),
            16: "T",
            17: IFDRational(round(heading_deg * 100), 100),
        }
    )
    return exif


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Degrees, minutes and seconds with five decimals, a third of a millimetre."""
    hundred_thousandths = round(value * 3600 * 100_000)
    minutes, seconds = divmod(hundred_thousandths, 60 * 100_000)
    degrees, minutes = divmod(minutes, 60)
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(seconds, 100_000)
