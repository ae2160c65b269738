"""The contents of photos.bin and points.json, checked against docs/spec/pack.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..models.preprocessing import Preprocessing
from ..types import Camera, View
from .bundle import ALIGNED, MAGIC, START
from .checks import integer_of, list_of, number_of, object_of, parsed, refuse, text_of, text_or_none
from .photos import DEGREE, MOST_PHOTOS, NO_HEADING
from .points import FARTHEST_STEPS, MOST_CORNERS

MOST_DIM = 16_384
KINDS = {"int8": 1, "uint8": 1, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4}
WEIGHTS = ("bias", "similarity", "margin", "agreement", "density", "stranger")
TRACK = ("slope", "bias", "temper", "foreign_bias", "foreign_slope")
MOST_CURVE = 1000
QUERY = {  # name: least, most
    "k": (1, 1000),
    "least_confidence": (0, 1),
    "voters": (1, 1000),
    "agree_m": (0.1, 10_000),
    "agree_heading_deg": (0, 180),
    "sharpness": (0, 1000),
    "twin": (0, 10_000),
    "most_neighbours": (1, 100_000),
    "most_rivals": (1, MOST_PHOTOS),
}
NEARBY = {
    "within_m": (0, 100_000),
    "limit": (0, 100),
    "spare": (1, 100),
    "half_m": (0.1, 100_000),
    "least_share": (0, 1),
    "same_item_m": (0, 100_000),
}

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class PhotoData:
    """The contents of photos.bin: the object `about` of its header, and its arrays by name."""

    about: Mapping[str, Any]
    arrays: Mapping[str, Array]

    @property
    def count(self) -> int:
        """The number of photos."""
        return int(self.about["photos"])


def read_photos(content: bytes, thumbnail_bytes: int) -> PhotoData:
    """Parse photos.bin. `thumbnail_bytes` is the size of thumbnails.bin."""
    about, arrays = _bundle(content)
    data = PhotoData(about, arrays)
    count = integer_of(about.get("photos"), "photos", 1, MOST_PHOTOS)
    dim = integer_of(about.get("dim"), "dim", 1, MOST_DIM)
    integer_of(about.get("points"), "points", 0, MOST_PHOTOS)
    text_of(about.get("map"), "map")
    text_of(about.get("title"), "title")
    _check_arrays(arrays, count, dim, thumbnail_bytes)
    _check_texts(about, count)
    _check_origins(about, count)
    _check_numbers(about, dim)
    return data


def _bundle(content: bytes) -> tuple[Mapping[str, Any], dict[str, Array]]:
    if content[:4] != MAGIC or len(content) < START:
        refuse("photos.bin does not begin with VFKP")
    size = int.from_bytes(content[4:START], "little")
    if START + size > len(content):
        refuse("the header of photos.bin is longer than the file")
    header = object_of(parsed(content[START : START + size], "the header of photos.bin"), "the header of photos.bin")
    arrays: dict[str, Array] = {}
    end = START + size
    for each in list_of(header.get("arrays"), "arrays", most=100):
        name = text_of(object_of(each, "an array").get("name"), "the name of an array", 100)
        kind = text_of(each.get("kind"), f"kind of {name}", 100)
        if kind not in KINDS or name in arrays:
            refuse(f"the array {name} is listed twice, or of the unknown kind {kind}")
        length = integer_of(each.get("length"), f"length of {name}", 0, 2**31 - 1)
        offset = integer_of(each.get("offset"), f"offset of {name}", end, len(content))
        if offset % ALIGNED or offset + length * KINDS[kind] > len(content):
            refuse(f"the array {name} is not aligned, or ends after the file")
        arrays[name] = np.frombuffer(content, np.dtype(kind).newbyteorder("<"), length, offset)
        end = offset + length * KINDS[kind]
    return object_of(header.get("about"), "about"), arrays


def _check_arrays(arrays: Mapping[str, Array], count: int, dim: int, thumbnail_bytes: int) -> None:
    wanted = {
        "rows": ("int8", count * dim),
        "scales": ("float32", count),
        "middle": ("float32", dim),
        "lats": ("int32", count),
        "lons": ("int32", count),
        "headings": ("uint16", count),
        "radii": ("float32", count),
        "thumbnails": ("uint32", count + 1),
    }
    for name, (kind, length) in wanted.items():
        array = arrays.get(name)
        if array is None and name in ("radii", "thumbnails"):
            continue
        if array is None or array.dtype != np.dtype(kind) or array.size != length:
            refuse(f"the array {name} is not {length} numbers of the kind {kind}")
    ends = arrays.get("thumbnails", np.zeros(1, np.uint32)).astype(np.int64)
    rules = {
        "a scale is not a positive number": np.isfinite(arrays["scales"]) & (arrays["scales"] > 0),
        "the middle holds what is not a number": np.isfinite(arrays["middle"]),
        "a latitude is not from -90 to 90": np.abs(arrays["lats"].astype(np.int64)) <= 90 * DEGREE,
        "a longitude is not from -180 to 180": np.abs(arrays["lons"].astype(np.int64)) <= 180 * DEGREE,
        "a heading is not below 360": (arrays["headings"] < 36000) | (arrays["headings"] == NO_HEADING),
        "a radius is below 0": ~(arrays.get("radii", np.zeros(0)) < 0) & ~np.isinf(arrays.get("radii", np.zeros(0))),
        "thumbnails do not follow each other": np.diff(ends) >= 0,
        "thumbnails are not those of thumbnails.bin": np.array([ends[0] == 0, ends[-1] == thumbnail_bytes]),
    }
    for what, holds in rules.items():
        if not holds.all():
            refuse(what)


def _check_texts(about: Mapping[str, Any], count: int) -> None:
    for each in list_of(about.get("ids"), "ids", count):
        text_of(each, "an id")
    credits = list_of(about.get("credits"), "credits")
    for each in credits:
        for name in ("attribution", "licence"):
            text_or_none(object_of(each, "a credit").get(name), name)
    if not credits:
        refuse("credits are empty")
    _check_choice(about, "credit_of", len(credits), count)
    for each in list_of(about.get("taken_at", [None] * count), "taken_at", count):
        if each is not None:
            try:
                datetime.fromisoformat(text_of(each, "a time"))
            except ValueError:
                refuse(f"{each!r} is not a time")


def _check_choice(about: Mapping[str, Any], name: str, among: int, count: int) -> None:
    for each in list_of(about.get(name, [0] * count), name, count):
        integer_of(each, f"a value of {name}", 0, among - 1)


def _check_origins(about: Mapping[str, Any], count: int) -> None:
    """Check the views and cameras, both optional."""
    for each in list_of(about.get("views", [None] * count), "views", count):
        _noun(View, each)
    if "cameras" in about:
        cameras = list_of(about["cameras"], "cameras")
        for each in cameras:
            _noun(Camera, each)
        _check_choice(about, "camera_of", len(cameras), count)


def _noun(kind: type[View] | type[Camera], value: Any) -> None:
    """Check an object with fields of that class, each a number in its range; or null."""
    if value is None:
        return
    known = {each.name for each in dataclasses.fields(kind)}
    for name, number in object_of(value, kind.__name__.lower()).items():
        if name not in known:
            refuse(f"{name[:40]} is not a field of a {kind.__name__.lower()}")
        number_of(number, name)
    try:
        kind(**value)
    except BadInput as error:
        refuse(str(error).rstrip("."))


def _check_numbers(about: Mapping[str, Any], dim: int) -> None:
    """Check the calibration, the check picture, the preprocessing and the numbers of a query."""
    calibration = object_of(about.get("calibration"), "calibration")
    for name in WEIGHTS:
        number_of(calibration.get(name), f"calibration.{name}", -1e6, 1e6)
    number_of(calibration.get("radius_m"), "calibration.radius_m", 0, 1e6)
    integer_of(calibration.get("photos"), "calibration.photos", 0, 2**31)
    if "share_found" in calibration:
        number_of(calibration["share_found"], "calibration.share_found", 0, 1)
    check = object_of(about.get("check"), "check")
    integer_of(check.get("side_px"), "check.side_px", 1, 2048)
    number_of(check.get("least_cosine"), "check.least_cosine", 0, 1)
    for each in list_of(check.get("descriptor"), "check.descriptor", dim):
        number_of(each, "a number of check.descriptor", -1.001, 1.001)
    model = object_of(about.get("model"), "model")
    text_of(model.get("name"), "model.name")
    text_of(model.get("fingerprint"), "model.fingerprint")
    try:
        Preprocessing.read(object_of(model.get("preprocessing"), "model.preprocessing"))
    except BadInput as error:
        refuse(str(error).rstrip("."))
    if "track" in about:
        _check_track(object_of(about["track"], "track"))
    if "query" in about:
        query = object_of(about["query"], "query")
        for name, (least, most) in QUERY.items():
            number_of(query.get(name), f"query.{name}", least, most)
        for name, (least, most) in NEARBY.items():
            number_of(object_of(query.get("nearby"), "query.nearby").get(name), f"query.nearby.{name}", least, most)


def _check_track(track: Mapping[str, Any]) -> None:
    for name in TRACK:
        number_of(track.get(name), f"track.{name}", -1000, 1000)
    number_of(track.get("most_foreign"), "track.most_foreign", 0, 1000)
    said = list_of(track.get("said"), "track.said", most=MOST_CURVE)
    true = list_of(track.get("true"), "track.true", len(said))
    for name, curve in (("said", said), ("true", true)):
        for before, value in zip([0.0, *curve], curve, strict=False):
            number_of(value, f"a value of track.{name}", before, 1)
    if len(said) < 2:
        refuse("track.said has fewer than 2 values")


def points_of(value: Any) -> list[Any]:
    """Parse the points of interest of points.json."""
    points = list_of(value, "points.json")
    for point in points:
        for name in ("id", "name", "kind"):
            text_of(object_of(point, "a point").get(name), f"{name} of a point")
        for name in ("attribution", "licence"):
            text_or_none(point.get(name), f"{name} of a point")
        position = object_of(point.get("position"), "position of a point")
        number_of(position.get("lat"), "lat of a point", -90, 90)
        number_of(position.get("lon"), "lon of a point", -180, 180)
        number_of(point.get("notability"), "notability of a point", 0, 1e9)
        for name in ("names", "links"):
            for key, each in object_of(point.get(name), f"{name} of a point").items():
                text_of(each, f"{name}.{key[:40]} of a point")
        outline = list_of(point.get("outline", []), "outline of a point", most=2 * MOST_CORNERS)
        if len(outline) % 2:
            refuse("an outline has a latitude without a longitude")
        for each in outline:
            integer_of(each, "a number of an outline", -FARTHEST_STEPS, FARTHEST_STEPS)
    return points
