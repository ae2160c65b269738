"""The data types that modules share: photos, positions, candidates, fixes."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .errors import BadInput
from .links import links_of


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the ground: WGS84 degrees, `lat` in [-90, 90], `lon` in [-180, 180].

    `radius_m` is the uncertainty in metres: how far the true position may be from this one. None if unknown.
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
            raise BadInput(f"radius_m must be 0 or more, in metres; got {self.radius_m}. Use None if it is unknown.")


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera that took a photo. Every field may be None, which means unknown.

    `focal_px` is the focal length in pixels, for an upright picture of `width_px` x `height_px`. `focal_35mm` is the
    focal length in millimetres that gives the same diagonal field of view on 36 x 24 mm film. `pitch_deg`, [-90, 90],
    is the angle above the horizon; `roll_deg`, (-180, 180], the clockwise rotation of the camera. `altitude_m` is in
    metres above the WGS84 ellipsoid or above sea level, whichever the camera recorded.
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
                raise BadInput(f"A camera's {name} must be more than 0; got {value}. Use None if it is unknown.")
        for name, most in (("pitch_deg", 90.0), ("roll_deg", 180.0), ("altitude_m", 1e6)):
            value = getattr(self, name)
            if value is not None and not abs(value) <= most:
                raise BadInput(f"A camera's {name} must be from -{most:g} to {most:g}; got {value}.")

    def field_of_view_deg(self, width_px: int, height_px: int) -> float | None:
        """The field of view along the longer side of a picture of this size, in degrees, (0, 180).

        None if the focal length is unknown, or if the aspect ratio differs from that of the camera (a cropped picture).
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
"""The largest relative difference of aspect ratio between a picture and its camera; above it the picture is a crop."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of its source that a photo shows: a direction in a panorama, a moment of a video, or both.

    `yaw_deg`, [0, 360), is the direction of the centre of the view, clockwise from the centre of the panorama;
    `pitch_deg`, [-90, 90], its angle above the horizon; `field_of_view_deg`, (0, 180), the horizontal angle that the
    view spans. `time_s` is in seconds from the start of the video, 0 or more. `roll_deg`, (-180, 180], is the clockwise
    rotation of the view about its centre, for a panorama that was not level. Fields that do not apply are None.
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    field_of_view_deg: float | None = None
    time_s: float | None = None
    roll_deg: float | None = None

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
            ("roll_deg", self.roll_deg is None or -180 < self.roll_deg <= 180, "above -180 and up to 180"),
        ):
            if not fits:
                raise BadInput(f"A view's {name} must be {wanted}; got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True)
class Photo:
    """One geotagged photo.

    `id` identifies the photo and is unique within a map; for a photo of a folder it is the relative path, with forward
    slashes. `source` is the absolute path or URL of the pixels. Several photos may share one source, each with its own
    `view`; a `view` of None means the whole picture. `heading_deg`, [0, 360), is the direction of the camera,
    clockwise from north.
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

    `similarity` is the cosine of the two descriptors, [-1, 1]. `inliers` is the number of local features that agree in
    geometry; None if the candidate was not verified.
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
    """A named sight: a church, a museum, a statue. Its texts come from volunteers: escape them before you show them.

    `id` is "node/123" or "way/5" for OpenStreetMap, otherwise the id of a GeoJSON feature or of a table row. `kind` is
    a key=value tag of OpenStreetMap. `names` maps language codes to names. `links` maps "wikipedia", "wikidata" and
    "website" to http or https URLs. `notability`, 0 or more, tells how well known the sight is; it has no unit and is
    only good for comparing. `outline` has the corners of an area or line, (lat, lon) in degrees; empty for a point.
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
    outline: tuple[tuple[float, float], ...] = ()

    def named(self, language: str | None) -> str:
        """The name in a language ("uk", "pt-BR"); if there is none, in English, and otherwise in the local language."""
        return self.name_and_language(language)[0]

    def name_and_language(self, language: str | None) -> tuple[str, str | None]:
        """The name that `named` returns, and its language code; None for the local language."""
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
            return self.name, wanted  # the Wikipedia link shows that the local language is the wanted one
        return by_code.get("en", (self.name, None))

    @property
    def credit(self) -> str | None:
        """The credit to show beside it, such as "© OpenStreetMap contributors, ODbL"; None if none is needed."""
        return ", ".join(part for part in (self.attribution, self.licence) if part) or None


@dataclass(frozen=True, slots=True)
class Nearby:
    """A sight near a fix. `bearing_deg`, [0, 360), is its direction from the fix, clockwise from north.

    `side` is its side as seen by the camera: "ahead", "right", "behind" or "left"; None if the heading is unknown.
    """

    point: PointOfInterest
    distance_m: float
    bearing_deg: float
    side: str | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """The answer to "where was this taken?". `position` is None when the photo is not in the map.

    `confidence` is the probability, [0, 1], that the true position lies within `position.radius_m`. `candidates` are
    the evidence, best first, also when the photo is not in the map. `reason` is one sentence for people. `heading_deg`,
    [0, 360), is the direction of the camera, clockwise from north; None if unknown. `nearby` are the sights around the
    position, most notable first, if the map has points of interest. `timings` are the milliseconds that each stage of
    `viewfix.timing.Stage` took; empty if the answer was not timed.
    """

    position: Position | None
    confidence: float
    candidates: tuple[Candidate, ...]
    reason: str
    heading_deg: float | None = None
    nearby: tuple[Nearby, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict, compare=False, hash=False, repr=False)

    @property
    def found(self) -> bool:
        """Whether the photo was located."""
        return self.position is not None

    @property
    def links(self) -> Mapping[str, str]:
        """Addresses of the place in other maps, such as "street_view" or "geo"; empty if not found."""
        at = self.position
        return {} if at is None else links_of(at.lat, at.lon, self.heading_deg)

    def __str__(self) -> str:
        if self.position is None:
            return f"not in this map ({self.reason})"
        at = f"{self.position.lat:.6f}, {self.position.lon:.6f}"
        radius = "" if self.position.radius_m is None else f" +/- {self.position.radius_m:.0f} m"
        certain = math.floor(100 * self.confidence) / 100  # rounded down: never print "confidence 1.00"
        return f"{at}{radius}, confidence {min(certain, 0.99):.2f}"

    def _repr_html_(self) -> str:
        """The answer, its reason and its candidates as HTML, for notebooks."""
        rows = "".join(
            f"<tr><td>{html.escape(c.photo.id)}<td>{c.photo.position.lat:.6f}, {c.photo.position.lon:.6f}"
            f"<td>{c.similarity:.3f}<td>{'' if c.inliers is None else c.inliers}"
            for c in self.candidates
        )
        head = "<tr><th>candidate<th>position<th>similarity<th>inliers"
        return f"<p><b>{html.escape(str(self))}</b><br>{html.escape(self.reason)}</p><table>{head}{rows}</table>"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A photo that could not be used, and the reason. Yielded in place of the photo, so that the others go on."""

    id: str
    reason: str


Progress = Callable[[str, int, int | None], None]
"""A callback for progress: called with the stage, the number done, and the total (None if not known yet)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Ignore progress."""
