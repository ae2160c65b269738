"""The decisions of a person about proposals, as the review page saves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadInput
from ..sources.walk import has_picture_ending
from ..types import Progress, silent
from .options import USUAL_OPTIONS, GeotagOptions
from .tag import Tag
from .write import Wanted, Written, write_tags

FORM = 1
MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Decisions:
    """The photos of one folder whose position was accepted, as it is or moved by hand.

    `target` is the folder of the sidecars.
    """

    root: Path
    target: Path
    accepted: Sequence[Wanted]
    rejected: int = 0


def read_decisions(path: Path, folder: Path | None = None) -> Decisions:
    """Read what the review page saved. Everything in it is checked: only photos below its folder can be written.

    Args:
        path: the file.
        folder: the folder of the photos, if it is not where it was when the page was made.

    Raises:
        BadInput: it is not such a file, or something in it is not possible.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path} has more than {MOST_BYTES // 10**6} MB. Pass a file that the review page saved.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} could not be read ({error.strerror or error}). Check the path.") from error
    except (ValueError, RecursionError):
        raise _strange(path, "it is not JSON") from None
    if not isinstance(found, dict) or found.get("viewfix_geotag_decisions") != FORM:
        raise _strange(path, "it has no viewfix_geotag_decisions, or of another version")
    photos, root, target = found.get("photos"), found.get("root"), found.get("target")
    if not isinstance(photos, list) or not isinstance(root, str) or not isinstance(target, str | None):
        raise _strange(path, "it has no list of photos, or no folder")
    base = Path(root) if folder is None else folder.absolute()
    if not base.is_absolute() or not base.is_dir():
        raise BadInput(
            f"There is no folder {base}, where the photos of {path} were. Add the folder where they are now."
        )
    accepted, rejected = [], 0
    for each in photos:
        wanted = _wanted(path, each)
        if wanted is None:
            rejected += 1
        else:
            accepted.append(wanted)
    beside = target is None or folder is not None
    return Decisions(base, base if beside else Path(str(target)), accepted, rejected)


def _wanted(path: Path, each: Any) -> Wanted | None:
    photo = each.get("photo") if isinstance(each, dict) else None
    if not isinstance(photo, str):
        raise _strange(path, "an entry has no photo")
    below = PurePosixPath(photo)
    if below.is_absolute() or ".." in below.parts or not has_picture_ending(photo) or "\\" in photo or ":" in photo[:2]:
        raise _strange(path, f"{photo[:100]!r} is not a picture below its folder")
    if each.get("decision") == "reject":
        return None
    if each.get("decision") != "accept":
        raise _strange(path, f"the decision about {photo[:100]!r} is neither accept nor reject")
    try:
        return photo, Tag.from_json(each)
    except BadInput as error:
        raise _strange(path, f"{photo[:100]!r}: {error}") from None


def _strange(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is not a file that the review page saved: {why}. Save it again.")


def write_decisions(
    decisions: Decisions, options: GeotagOptions = USUAL_OPTIONS, progress: Progress = silent
) -> Written:
    """Write the accepted positions. Photos that are gone are skipped. Raises what `GeotagPlan.write` raises."""
    written = Written()
    present: list[Wanted] = []
    for photo, tag in decisions.accepted:
        if (decisions.root / photo).is_file():
            present.append((photo, tag))
        else:
            written.skip(photo, f"it is not in {decisions.root} any more")
    target = decisions.target if options.sidecars_in is None else options.sidecars_in.absolute()
    done = write_tags(decisions.root, target, present, options, progress, len(present))
    for each in written.skipped:
        done.skip(each.id, each.reason)
    return done
