"""Training pictures from a street with four photos for each spot: unchanged, altered, and in any direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import BadInput
from ..geo import Plane, distances_m
from ..types import Photo, Position
from .augment import LUMA, moved, relit
from .panorama import HEADINGS_DEG, Ring

Version = Callable[[Image.Image, np.random.Generator], Image.Image]
VIEW_PX = 320


def unaltered(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The unchanged picture."""
    return picture


def developed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture with another gamma and less or more colour, as another camera makes it."""
    light = np.asarray(picture, np.float32) / 255
    grey = (light @ LUMA)[..., None]
    light = (grey + (light - grey) * rng.uniform(0, 1.3)).clip(0, 1) ** rng.uniform(0.6, 1.6)
    return Image.fromarray((light * 255).astype(np.uint8))


def at_night(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture in the light of a grey night camera."""
    return relit(picture, rng, grey=True)


def in_other_light(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture in other light, in colour."""
    return relit(picture, rng, grey=False)


def aside_in_other_light(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture from a step aside, in other light, grey every second time."""
    return relit(moved(picture, rng), rng, grey=bool(rng.random() < 0.5))


ALTERED: tuple[Version, ...] = (at_night, moved, aside_in_other_light)
LIGHTS: tuple[tuple[Version, float], ...] = (
    (unaltered, 0.35),
    (at_night, 0.25),
    (in_other_light, 0.25),
    (developed, 0.15),
)
"""How views are lit, and how many of them."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One training picture: from a spot (its index), looking to `heading_deg`, with random choices by `seed`.

    If it is `drawn`, it is a view from the ring of the spot; otherwise a photo, altered by `version`.
    """

    spot: int
    heading_deg: float
    seed: tuple[int, ...]
    version: Version = unaltered
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Street:
    """Training photos: (N,) degrees of latitude and longitude; for each spot four files, looking to HEADINGS_DEG."""

    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    files: tuple[tuple[Path, ...], ...]

    @classmethod
    def of(cls, photos: Sequence[Photo]) -> Street:
        """Group photos into spots: same position, and same file name up to the last underscore.

        Raises:
            BadInput: a spot does not have its four headings.
        """
        spots: dict[tuple[float, float, str], dict[float | None, Path]] = {}
        for photo in photos:
            spot = (photo.position.lat, photo.position.lon, Path(photo.id).stem.rpartition("_")[0])
            spots.setdefault(spot, {})[photo.heading_deg] = Path(photo.source)
        for where, faces in spots.items():
            if set(faces) != set(HEADINGS_DEG):
                found = ", ".join("unknown" if heading is None else f"{heading:g}" for heading in faces)
                raise BadInput(
                    f"The spot {where[2]} at {where[0]}, {where[1]} has photos with these headings: {found}. Use four "
                    "square photos for each spot, at 0, 90, 180 and 270 degrees, named SPOT_HEADING."
                )
        if not spots:
            raise BadInput("There are no photos to train on. Pass some with --photos.")
        lat, lon = (np.array([float(spot[axis]) for spot in spots]) for axis in (0, 1))
        return cls(lat, lon, tuple(tuple(faces[heading] for heading in HEADINGS_DEG) for faces in spots.values()))

    def photos(self, version: Version, *, seed: int) -> list[Rendering]:
        """Every photo in a version; rendering 4 i + j looks from spot i to HEADINGS_DEG[j]."""
        return [
            Rendering(spot, heading, (seed, spot, face), version)
            for spot in range(len(self.files))
            for face, heading in enumerate(HEADINGS_DEG)
        ]

    def views(self, count: int, *, seed: int) -> list[Rendering]:
        """`count` views for each spot, in random directions."""
        rng = np.random.default_rng(seed)
        headings = rng.uniform(0, 360, (len(self.files), count))
        return [
            Rendering(spot, float(headings[spot, i]), (seed, spot, i), drawn=True)
            for spot in range(len(self.files))
            for i in range(count)
        ]

    def picture(self, rendering: Rendering) -> Image.Image:
        """What a rendering shows; the same for the same rendering."""
        rng = np.random.default_rng(rendering.seed)
        if not rendering.drawn:
            face = HEADINGS_DEG.index(rendering.heading_deg)
            with Image.open(self.files[rendering.spot][face]) as photo:
                return rendering.version(photo.convert("RGB"), rng)
        faces = []
        for file in self.files[rendering.spot]:
            with Image.open(file) as photo:
                faces.append(np.asarray(photo.convert("RGB")))
        pixels = Ring(np.stack(faces)).view(
            rendering.heading_deg,
            field_of_view_deg=rng.uniform(65, 90),
            pitch_deg=rng.uniform(-4, 6),
            roll_deg=rng.uniform(-3, 3),
            side_px=VIEW_PX,
        )
        lights, shares = zip(*LIGHTS, strict=True)
        version: Version = lights[rng.choice(len(lights), p=shares)]
        return version(Image.fromarray(pixels), rng)

    def neighbours(self, within_m: float) -> npt.NDArray[np.int64]:
        """(M, 2) indices of photos (as `photos` lists them) of one heading, at most this far apart, not of one spot."""
        pairs = []
        for i in range(len(self.files)):
            away = distances_m(self.lat[i], self.lon[i], self.lat, self.lon)
            near = np.flatnonzero((away > 0.5) & (away < within_m))
            pairs += [(4 * i + face, 4 * j + face) for j in near if j > i for face in range(4)]
        return np.array(pairs, np.int64).reshape(-1, 2)

    def plane_m(self) -> npt.NDArray[np.float64]:
        """(N, 2) metres east and north of the first spot."""
        return Plane(Position(float(self.lat[0]), float(self.lon[0]))).to_xy_m(self.lat, self.lon)


@dataclass(frozen=True, slots=True)
class Likeness:
    """Which renderings show the same place: close together, not far aside, looking the same way.

    A step forward changes a view little, a step aside much: hence two distances.
    """

    apart_m: float
    aside_m: float
    turned_deg: float

    def __call__(
        self, spots_m: npt.NDArray[np.float64], headings_deg: npt.NDArray[np.float64], i: int
    ) -> npt.NDArray[np.int64]:
        """(n,) indices of the renderings that show what rendering i shows, itself left out.

        spots_m is (N, 2), where each rendering was taken, metres east and north; headings_deg is (N,).
        """
        step = spots_m - spots_m[i]
        heading = np.radians(headings_deg[i])
        aside = np.abs(step[:, 0] * np.cos(heading) - step[:, 1] * np.sin(heading))
        turned = np.abs((headings_deg - headings_deg[i] + 180) % 360 - 180)
        alike = (np.hypot(*step.T) <= self.apart_m) & (aside <= self.aside_m) & (turned <= self.turned_deg)
        alike[i] = False
        return np.flatnonzero(alike)


def apart(
    spots_m: npt.NDArray[np.float64],
    headings_deg: npt.NDArray[np.float64],
    i: int,
    others: Sequence[int],
    *,
    far_m: float,
) -> bool:
    """Whether rendering i certainly shows another place than all others: far away, or in the opposite direction."""
    chosen = np.array(others, np.int64)
    far = np.hypot(*(spots_m[chosen] - spots_m[i]).T) >= far_m
    away = np.abs((headings_deg[chosen] - headings_deg[i] + 180) % 360 - 180) >= 110
    return bool((far | away).all())
