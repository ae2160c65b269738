"""Records of photos, the model of a map, and how both are stored in rows and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, ModelMismatch
from ..shell import shell_quoted
from ..types import Camera, Photo, Position, View

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Halves = npt.NDArray[np.float16]
Units = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Record:
    """A photo as the map stores it, with the data that shows whether its pixels have changed.

    `content_hash` is of the bytes; `content_hint`, such as "size:mtime_ns", lets an unchanged
    file be recognised without reading it.
    """

    photo: Photo
    content_hash: str
    content_hint: str | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model whose descriptors a map stores. Equal fingerprints mean comparable descriptors."""

    name: str
    fingerprint: str
    dim: int

    def check(self, name: str, fingerprint: str, where: str) -> None:
        """Refuse another model; `where` is the map.

        Raises:
            ModelMismatch: it is another model.
        """
        if fingerprint != self.fingerprint:
            raise ModelMismatch(
                f"The map {where} was built with {self.name} ({self.fingerprint[:12]}), but the model at hand is "
                f"{name} ({fingerprint[:12]}). Descriptors of different models cannot be compared. Pass the map's own "
                f"model with --model, or migrate the map: viewfix migrate {shell_quoted(where)} --model NEW"
            )


MOST_DIM = 65_536
_PATH = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\~]|^[A-Za-z]:[/\\]|[\0-\x1f]")


def to_model(about: Any) -> ModelIdentity:
    """The model that a map stores as JSON.

    Raises:
        BadInput: it is not the description of a model.
    """
    try:
        name, fingerprint, dim = about["name"], about["fingerprint"], about["dim"]
    except (KeyError, TypeError):
        raise BadInput("it does not describe its model by name, fingerprint and dim") from None
    texts = isinstance(name, str) and 0 < len(name) <= 1_000 and isinstance(fingerprint, str)
    if texts and _PATH.search(name):
        raise BadInput(f"the name of its model, {name!r:.60}, is the path of a file")
    # The fingerprint becomes part of a file name.
    if (
        not texts
        or not re.fullmatch(r"[A-Za-z0-9_:-]{1,200}", fingerprint)
        or not isinstance(dim, int)
        or not 1 <= dim <= MOST_DIM
    ):
        raise BadInput(f"its model is {name!r:.60} ({fingerprint!r:.60}) with {dim!r:.20} numbers")
    return ModelIdentity(name, fingerprint, dim)


@dataclass(frozen=True, slots=True)
class Version:
    """The state of a map at one moment: later versions have a higher last row or more removals.

    Rows are never reused and never change, so what was derived from one version is right for a
    later one, except for the rows after `last_row` and those that are gone.
    """

    map_id: str
    last_row: int
    removals: int


def rebased(calibration: dict[str, Any], of: Version, onto: Version) -> dict[str, Any]:
    """A calibration for a copy of a map: the copy counts as many changes since the calibration as the map."""
    rows, removals = calibration.get("last_row"), calibration.get("removals")
    if not isinstance(rows, int) or not isinstance(removals, int):
        return calibration
    state = {"last_row": rows - of.last_row + onto.last_row, "removals": removals - of.removals + onto.removals}
    return {**calibration, **state}


UNFINISHED_COPY = "copy"
"""In the meta of an unfinished copy: its source, and how far it has come. Deleted when the copy is complete."""

PHOTO_COLUMNS = "id, source, lat, lon, radius_m, heading_deg, taken_at, attribution, licence, view, camera"
COLUMNS = PHOTO_COLUMNS + ", content_hash, content_hint"

Part = TypeVar("Part", View, Camera)
_WHOLE_NUMBERS = ("width_px", "height_px")


def to_photo(values: Sequence[Any]) -> Photo:
    """Parse the values of PHOTO_COLUMNS."""
    key, source, lat, lon, radius_m, heading_deg, taken_at, attribution, licence, view, camera = values
    return Photo(
        id=key,
        source=source,
        position=Position(lat, lon, radius_m),
        heading_deg=heading_deg,
        taken_at=None if taken_at is None else datetime.fromisoformat(taken_at),
        attribution=attribution,
        licence=licence,
        view=from_json_text(View, view),
        camera=from_json_text(Camera, camera),
    )


def to_record(values: Sequence[Any]) -> Record:
    """Parse the values of COLUMNS."""
    return Record(to_photo(values[:-2]), values[-2], values[-1])


def to_values(record: Record) -> tuple[Any, ...]:
    """The values of a record, in the order of COLUMNS."""
    photo = record.photo
    return (
        photo.id,
        photo.source,
        float(photo.position.lat),
        float(photo.position.lon),
        photo.position.radius_m,
        photo.heading_deg,
        None if photo.taken_at is None else photo.taken_at.isoformat(),
        photo.attribution,
        photo.licence,
        to_json_text(photo.view),
        to_json_text(photo.camera),
        record.content_hash,
        record.content_hint,
    )


def to_json_text(part: View | Camera | None) -> str | None:
    """A view or a camera as the map stores it: a JSON object of its known parts, in a fixed order and form."""
    if part is None:
        return None
    known = {name: value for name, value in asdict(part).items() if value is not None}
    # Equal values become equal texts: 90 is stored as 90.0, and -0.0 as 0.0.
    plain = {name: int(value) if name in _WHOLE_NUMBERS else float(value) + 0.0 for name, value in known.items()}
    return json.dumps(plain, separators=(",", ":"))


def from_json_text(kind: type[Part], text: str | None) -> Part | None:
    """The view or camera that `to_json_text` wrote. Parts that this viewfix does not know are ignored.

    Raises:
        BadInput: the text is not a JSON object, or a part of it is not a number in its range.
    """
    if text is None:
        return None
    try:
        found = json.loads(text)
        known = {field.name: found[field.name] for field in fields(kind) if found.get(field.name) is not None}
        return kind(**known)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{text[:80]!r} is not a {kind.__name__.lower()} of a photo ({error}).") from None


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """(source, id) pairs as the ids of each source, in their order."""
    found: dict[str, list[str]] = {}
    for source, photo_id in pairs:
        found.setdefault(source, []).append(photo_id)
    return found


SAME_PLACE_DEG = 1e-9
"""0.1 mm: positions computed by another Python, or on another processor, differ in their last bits."""


def same_place(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two (lat, lon) are equal but for rounding."""
    return all(abs(a - b) <= SAME_PLACE_DEG for a, b in zip(one, other, strict=True))


def to_halves(
    records: Sequence[Record], descriptors: npt.NDArray[np.float32] | npt.NDArray[np.float16], dim: int
) -> npt.NDArray[np.float16]:
    """Check (N, dim) descriptors, and normalise them to little-endian float16; float16 input stays as it is."""
    found = np.asarray(descriptors, dtype=np.float32)
    if found.shape != (len(records), dim):
        raise BadInput(
            f"{len(records)} photos came with descriptors of shape {found.shape}; the map has {dim} numbers a photo. "
            "Use the model the map was built with."
        )
    lengths = np.linalg.norm(found, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise BadInput(
            f"The descriptor of {records[bad[0]].photo.id} has length {lengths[bad[0]]} ({len(bad)} of {len(records)} "
            "photos): nothing can be compared with it. Leave the photo out, or check the model."
        )
    if descriptors.dtype == np.float16:  # from another map: they must not be rounded again
        return np.asarray(descriptors, dtype="<f2")
    return np.asarray(found / lengths[:, None], dtype="<f2")


def to_units(halves: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Convert (N, dim) float16 to float32 rows of length 1: rounding to float16 changes lengths by up to 0.05 %."""
    wide = halves.astype(np.float32)
    wide /= np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
    return wide
