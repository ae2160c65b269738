"""Find the .json file that Google Takeout wrote for a photo, and read it.

The sidecar of `IMG.jpg` is called `IMG.jpg.supplemental-metadata.json`, or `IMG.jpg.json` before 2024; Takeout cuts the
name to 46 UTF-16 units before ".json". A counter is at the end: `IMG.jpg.supplemental-metadata(1).json` belongs to
`IMG(1).jpg`. Edited copies have no sidecar: that of the original has their position.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import UnreadablePhoto
from ..photos import Metadata, read_bytes
from ..photos.coordinates import checked
from ..photos.values import number
from .columns import utc_from_seconds
from .sidecars import Siblings

LONGEST = 46
"""The most UTF-16 units in the name of a sidecar, without ".json"; names of photos are cut to a stem of 47."""

EDITED = tuple(
    unicodedata.normalize("NFC", f"-{word}")
    for word in (
        "edited", "effects", "smile", "mix", "collage", "animation", "motion", "pano",
        "bearbeitet", "bewerkt", "modifié", "modificato", "modificata", "ha editado", "editado", "editada", "editat",
        "edytowane", "edytowano", "upraveno", "upravené", "redigeret", "redigert", "redigerad", "muokattu", "breytt",
        "szerkesztett", "düzenlendi", "editované", "uređeno", "urejeno", "redaguota", "rediģēts", "muudetud",
        "изменено", "отредактировано", "измененный", "відредаговано", "змінено", "редактирано", "измењено",
        "επεξεργασμένο", "編集済み", "编辑", "已编辑", "已編輯", "修改", "已修改", "編輯", "편집됨", "수정됨",
        "đã chỉnh sửa", "diedit", "na-edit", "แก้ไขแล้ว", "संपादित", "সম্পাদিত", "معدّل", "تم تعديله", "ویرایش‌شده", "נערך",
    )
)  # fmt: skip
"""What Takeout adds to the name of an edited copy, by language of the account."""

HEIC = (".heic", ".heif", ".hif")
ORIGINALS = (
    *HEIC, ".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp", ".dng", ".nef", ".cr2", ".cr3",
    ".arw", ".raf", ".orf", ".rw2",
)  # fmt: skip
"""Extensions of originals whose edited copies have another extension."""


def sidecar_of(name: str, siblings: Siblings) -> str | None:
    """The sidecar of a photo among the files of its folder; None if there is none."""
    if not siblings.have_json:
        return None
    exact = siblings.has_twin(name)
    for original, counter in _originals(name):
        for base in _cut(original):
            found = siblings.find(f"{base}{counter}.json", exact=exact)
            if found is not None:
                return found
    return None


def _originals(name: str) -> Iterator[tuple[str, str]]:
    """The original names and counters that a photo may have in Takeout, the most likely first."""
    stem, dot, letters = name.rpartition(".")
    stem, ending = (stem, dot + letters) if stem else (name, "")
    spellings = list(_counters(stem))
    for each, counter in spellings:
        yield each + ending, counter
    for each, counter in spellings:
        yield each, counter
        yield from ((each + other, counter) for other in HEIC)
    for edited, counter in spellings:
        for original in _unedited(edited):
            for each, inner in _counters(original):
                yield from ((each + other, counter or inner) for other in (ending, *ORIGINALS, ""))
    for each, counter in spellings:
        if counter and _units(each) >= LONGEST:  # the name is so long that all of "-edited" may have been cut off
            yield from ((each + other, "") for other in (ending, *ORIGINALS))


def _counters(stem: str) -> Iterator[tuple[str, str]]:
    counted = re.fullmatch(r"(.+)(\(\d+\))", stem)
    if counted:  # first, because the counter may have been cut off with the end of a long name
        yield counted[1], counted[2]
    yield stem, ""


def _unedited(stem: str) -> Iterator[str]:
    """The stem without the mark of an edited copy, which may be cut short in a long name."""
    whole = unicodedata.normalize("NFC", stem)
    lower = whole.lower()
    yield from (whole[: -len(mark)] for mark in EDITED if lower.endswith(mark) and len(whole) > len(mark))
    base, dash, _ = whole.rpartition("-")
    tail = lower[len(base) :]
    if base and dash and max(_units(stem), _units(whole)) >= LONGEST and any(mark.startswith(tail) for mark in EDITED):
        yield base


def _cut(original: str) -> Iterator[str]:
    """The names that the sidecar of an original may have, the longest first, without counter and ".json"."""
    whole = f"{original}.supplemental-metadata"
    if whole.isascii():
        yield from (whole[:length] for length in range(len(whole), min(len(original), LONGEST) - 1, -1))
        return
    for form in ("NFC", "NFD"):  # Takeout may have cut the name in either form, whichever the disk uses
        units = unicodedata.normalize(form, whole).encode("utf-16-le", "surrogatepass")
        least = min(_units(unicodedata.normalize(form, original)), LONGEST)
        for length in range(len(units) // 2, least - 1, -1):
            part = units[: 2 * length]
            yield part.decode("utf-16-le", "ignore")
            if 0xD8 <= part[-1] <= 0xDB:  # half a surrogate pair: archives replace it
                yield from (part[:-2].decode("utf-16-le", "ignore") + instead for instead in "?_\ufffd")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read(path: Path) -> Metadata:
    """Read the metadata of a sidecar. If it cannot be read, `no_position` gives the reason."""
    try:
        about = json.loads(read_bytes(path))
    except UnreadablePhoto:
        return Metadata(no_position=f"its sidecar {path.name} could not be read")
    except (ValueError, RecursionError):
        return Metadata(no_position=f"its sidecar {path.name} is damaged (it is not JSON)")
    if not isinstance(about, dict):
        return Metadata()
    position = problem = None
    for key in ("geoData", "geoDataExif"):  # the first contains the owner's corrections
        if position is None:
            position, problem = _position(about.get(key))
    taken = about.get("photoTakenTime")
    seconds = number(taken.get("timestamp")) if isinstance(taken, dict) else None
    return Metadata(
        position=position,
        taken_at=None if seconds is None else utc_from_seconds(seconds),
        no_position=problem,
    )


def _position(geo: Any) -> tuple[Any, str | None]:
    if not isinstance(geo, dict):
        return None, None
    lat, lon = number(geo.get("latitude")), number(geo.get("longitude"))
    # Takeout writes (0, 0) for an unknown position, so it is not reported as a problem.
    return (None, None) if lat is None or lon is None or lat == lon == 0 else checked(lat, lon)
