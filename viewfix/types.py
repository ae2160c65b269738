"""The nouns: what a photo is, where it was taken, and what an answer looks like. No logic."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .errors import BadInput


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the ground: WGS84 degrees, `lat` in [-90, 90], `lon` in [-180, 180].

    `radius_m` is how far, in metres, the truth may lie from it; None where that is unknown.
    """

    lat: float
    lon: float
    radius_m: float | None = None

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):  # NaN fails too
            raise BadInput(
                f"({self.lat}, {self.lon}) is not a WGS84 (lat, lon) in degrees. "
                "Are latitude and longitude swapped, or are these UTM metres?"
            )
        if self.radius_m is not None and not (self.radius_m >= 0 and math.isfinite(self.radius_m)):
            raise BadInput(f"A radius of {self.radius_m} m makes no sense. Give metres, 0 or more, or None.")


@dataclass(frozen=True, slots=True)
class Camera:
    """What is known about the camera that took a photo; every part may be None, which means unknown.

    `focal_px` is the focal length in pixels of a picture that is `width_px` wide and `height_px` high, upright;
    `focal_35mm` is the focal length in millimetres that gives the same diagonal field of view on 36 x 24 mm film.
    `pitch_deg` is how far the camera looked up, [-90, 90]; `roll_deg` how far it was turned clockwise, (-180, 180].
    `altitude_m` is metres above the WGS84 ellipsoid or the sea, as the camera recorded it.
    """

    focal_px: float | None = None
    focal_35mm: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    altitude_m: float | None = None

    def __post_init__(self) -> None:
        for name in ("focal_px", "focal_35mm", "width_px", "height_px"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise BadInput(f"A camera's {name} must be more than 0; got {value}. Use None where it is unknown.")
        for name, most in (("pitch_deg", 90.0), ("roll_deg", 180.0), ("altitude_m", 1e6)):
            value = getattr(self, name)
            if value is not None and not abs(value) <= most:
                raise BadInput(f"A camera's {name} must be from -{most:g} to {most:g}; got {value}.")

    def field_of_view_deg(self, width_px: int, height_px: int) -> float | None:
        """The field of view along the longer side of a picture of this camera, degrees in (0, 180).

        None where no focal length is known, or where the picture has another shape than the camera recorded, as a
        crop has.
        """
        longer, shorter = max(width_px, height_px), min(width_px, height_px)
        if self.width_px and self.height_px:
            recorded = max(self.width_px, self.height_px) / min(self.width_px, self.height_px)
            if abs(recorded - longer / shorter) > SAME_SHAPE * recorded:
                return None
        if self.focal_px is not None and self.width_px and self.height_px:
            return math.degrees(2 * math.atan(max(self.width_px, self.height_px) / 2 / self.focal_px))
        if self.focal_35mm is not None:
            longer_mm = FILM_DIAGONAL_MM * longer / math.hypot(longer, shorter)
            return math.degrees(2 * math.atan(longer_mm / 2 / self.focal_35mm))
        return None


FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
SAME_SHAPE = 0.02
"""How far the sides' ratio of a picture may be from that of its camera before the picture counts as cropped."""


@dataclass(frozen=True, slots=True)
class View:
    """Which part of its source a photo shows: a direction cut out of a panorama, a moment of a film, or both.

    `yaw_deg` is the direction of the view's centre, clockwise from the centre of the panorama, [0, 360); `pitch_deg`
    how far above its horizon, [-90, 90]; `field_of_view_deg` the horizontal angle that the view spans, (0, 180).
    `time_s` is seconds from the beginning of the film, 0 or more. What does not apply is None.
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    field_of_view_deg: float | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("yaw_deg", self.yaw_deg is None or 0 <= self.yaw_deg < 360, "at least 0 and below 360"),
            ("pitch_deg", self.pitch_deg is None or -90 <= self.pitch_deg <= 90, "from -90 to 90"),
            (
                "field_of_view_deg",
                self.field_of_view_deg is None or 0 < self.field_of_view_deg < 180,
                "between 0 and 180",
            ),
            ("time_s", self.time_s is None or 0 <= self.time_s < math.inf, "0 or more"),
        ):
            if not fits:
                raise BadInput(f"A view's {name} must be {wanted}; got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True)
class Photo:
    """One geotagged photo.

    `id` is its identity, unique within a map (for a folder: the path below it, with forward slashes); `source` is
    where the pixels can be read: an absolute path or a URL. Many photos may share one source, each with its own
    `view`; None for the whole picture. `heading_deg` is where the camera looked, clockwise from north, [0, 360).
    """

    id: str
    source: str
    position: Position
    heading_deg: float | None = None
    taken_at: datetime | None = None
    attribution: str | None = None
    licence: str | None = None
    view: View | None = None
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo of the map that looks like the query.

    `similarity` is the cosine of the two descriptors, [-1, 1]; `inliers` the number of
    local features that agree in geometry, None where they were not counted.
    """

    photo: Photo
    similarity: float
    inliers: int | None = None

    @property
    def distance(self) -> float:
        """Euclidean distance of the two unit-length descriptors, [0, 2]."""
        return math.sqrt(max(0.0, 2.0 - 2.0 * self.similarity))


@dataclass(frozen=True, slots=True)
class PointOfInterest:
    """A named sight: a church, a museum, a statue. Contributors wrote its texts: escape them before showing them.

    `id` is "node/123" or "way/5" of OpenStreetMap, or the id of a GeoJSON feature or a row; `kind` is OpenStreetMap's
    key=value. `names` are by language code, `links` ("wikipedia", "wikidata", "website") are https or http URLs.
    `notability` is how well known it is, from 0 up: only good for comparing.
    """

    id: str
    name: str
    kind: str
    position: Position
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    links: Mapping[str, str] = field(default_factory=dict, hash=False)
    notability: float = 0.0
    attribution: str | None = None
    licence: str | None = None

    def named(self, language: str | None) -> str:
        """Its name in a language ("uk", "pt-BR"), else in English, else as it is written there."""
        return self.name_and_language(language)[0]

    def name_and_language(self, language: str | None) -> tuple[str, str | None]:
        """The name that `named` gives, and the language that it is in; None for the name as it is written there."""
        if not language:
            return self.name, None
        by_code = {code.lower(): (name, code) for code, name in self.names.items()}
        code = language.replace("_", "-").lower()
        while code and code not in by_code:
            code = code.rpartition("-")[0]  # pt-br, then pt
        if code:
            return by_code[code]
        wanted = language.replace("_", "-").lower().partition("-")[0]
        if self.links.get("wikipedia", "").startswith(f"https://{wanted}.wikipedia.org/"):
            return self.name, wanted  # the file calls it by this language already
        return by_code.get("en", (self.name, None))

    @property
    def credit(self) -> str | None:
        """Whom to name where it is shown: "© OpenStreetMap contributors, ODbL"."""
        return ", ".join(part for part in (self.attribution, self.licence) if part) or None


@dataclass(frozen=True, slots=True)
class Nearby:
    """A sight near a fix. `bearing_deg` leads from the fix to it, clockwise from north, [0, 360).

    `side` is "ahead", "right", "behind" or "left" of where the photo looks; None when that is not known.
    """

    point: PointOfInterest
    distance_m: float
    bearing_deg: float
    side: str | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """The answer to "where was this taken?". `position` is None when the photo is not in the map.

    `confidence` is the probability, [0, 1], that the true place lies within
    `position.radius_m`. `candidates` are the evidence, best first, given even when the
    answer is no. `reason` is one sentence for people. `heading_deg` is where the query
    looked, clockwise from north, when the evidence tells. `nearby` are sights around, the
    most worth naming first, where the map has points of interest.
    """

    position: Position | None
    confidence: float
    candidates: tuple[Candidate, ...]
    reason: str
    heading_deg: float | None = None
    nearby: tuple[Nearby, ...] = ()

    @property
    def found(self) -> bool:
        return self.position is not None

    def __str__(self) -> str:
        if self.position is None:
            return f"not in this map ({self.reason})"
        at = f"{self.position.lat:.6f}, {self.position.lon:.6f}"
        radius = "" if self.position.radius_m is None else f" +/- {self.position.radius_m:.0f} m"
        certain = math.floor(100 * self.confidence) / 100  # rounded down: nothing is ever "confidence 1.00"
        return f"{at}{radius}, confidence {min(certain, 0.99):.2f}"

    def _repr_html_(self) -> str:
        """For notebooks: the answer, its reason and its candidates."""
        rows = "".join(
            f"<tr><td>{html.escape(c.photo.id)}<td>{c.photo.position.lat:.6f}, {c.photo.position.lon:.6f}"
            f"<td>{c.similarity:.3f}<td>{'' if c.inliers is None else c.inliers}"
            for c in self.candidates
        )
        head = "<tr><th>candidate<th>position<th>similarity<th>inliers"
        return f"<p><b>{html.escape(str(self))}</b><br>{html.escape(self.reason)}</p><table>{head}{rows}</table>"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A photo that could not be used, and why. Travels beside the good ones."""

    id: str
    reason: str


Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how many are done, and how many there are (None: not known yet)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """A Progress that says nothing."""
