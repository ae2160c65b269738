"""The photos of a folder: when each was taken, and which position it has already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path

from ..errors import BadInput, UnreadablePhoto
from ..sources import takeout
from ..sources.folder import ReadContext, from_files, printable
from ..sources.sidecars import Siblings, xmp_files
from ..sources.walk import walk
from ..telemetry.clock import zone_of
from ..types import Progress
from .job import Job, Listed

BATCH = 500

WrittenBefore = Callable[[list[str]], set[str]]
"""Which of these ids an earlier run wrote."""


def list_album(root: Path, job: Job, zone: str | None, written_before: WrittenBefore, progress: Progress) -> list[str]:
    """Walk through a folder, and store its photos in the job. Unchanged photos are not read again.

    Returns:
        What could not be listed, and how many pictures of other kinds there are.

    Raises:
        BadInput: there is no picture in it.
    """
    number, camera = int(job.meta("round") or 0) + 1, zone_of(zone)
    again = job.meta("zone") != str(zone)
    done = 0
    problems: list[str] = []
    pictures = _pictures(root, problems)
    while batch := list(islice(pictures, BATCH)):
        ids = [each[0] for each in batch]
        known, written = job.marks(ids), written_before(ids)
        same = [
            photo_id
            for photo_id, _, _, picture, beside in batch
            if not again and known.get(photo_id) == (picture, beside, photo_id in written)
        ]
        fresh = set(ids) - set(same)
        job.put(
            (_listed(*each, camera=camera, written=each[0] in written) for each in batch if each[0] in fresh), number
        )
        job.keep(same, number)
        job.commit()
        done += len(batch)
        progress("listing", done, None)
    if not done:
        raise _no_photos(root, problems)
    job.forget_others(number)
    job.set_meta("round", str(number))
    job.set_meta("zone", str(zone))
    job.commit()
    return problems


_Picture = tuple[str, Path, Siblings, str, str]


def _pictures(root: Path, problems: list[str]) -> Iterator[_Picture]:
    """The pictures of a folder; `problems` gets what could not be listed, and what is not read."""
    others, first = 0, ""
    for listing in walk(root):
        for name, what in listing.other_pictures:
            others, first = others + 1, first or f"{printable(listing.id_of(name))}, {what}"
        if listing.trouble:
            problems.append(f"{printable(listing.below or root.name)}: {listing.trouble}")
        siblings = Siblings(listing.names)
        for name in listing.pictures:
            path = listing.folder / name
            beside = [*xmp_files(name, siblings), takeout.sidecar_of(name, siblings)]
            stamps = " ".join(_stamp(listing.folder / each) for each in beside if each is not None)
            yield printable(listing.id_of(name)), path, siblings, _stamp(path), stamps
    if others:
        problems.append(
            f"Pictures of other kinds left out: {others}, such as {first}. Save them as JPEG to place them."
        )


def _stamp(path: Path) -> str:
    try:
        about = path.stat()
    except OSError:
        return "gone"
    return f"{about.st_size}:{about.st_mtime_ns}"


def _listed(
    photo_id: str,
    path: Path,
    siblings: Siblings,
    picture: str,
    beside: str,
    *,
    camera: tzinfo | None,
    written: bool,
) -> Listed:
    if printable(path.name) != path.name:
        return Listed(photo_id, picture, beside, skipped="its name is not UTF-8. Rename it.")
    try:
        found = from_files(path, siblings, ReadContext(photo_id=photo_id))
    except UnreadablePhoto as error:
        return Listed(photo_id, picture, beside, skipped=str(error))
    at = found.position
    clock, time_s = clock_of(found.taken_at, camera)
    return Listed(
        photo_id,
        picture,
        beside,
        clock,
        time_s,
        None if found.taken_at is None else found.taken_at.isoformat(),
        None if at is None else (at.lat, at.lon, at.radius_m),
        found.no_position,
        written=written,
    )


def clock_of(taken_at: datetime | None, camera: tzinfo | None) -> tuple[str, float]:
    """The name of the clock that a time is from, and its seconds since 1970 on it.

    Times with a zone are from one clock, and local times from another, because their difference is not known.
    """
    if taken_at is None:
        return "none", 0.0
    if taken_at.tzinfo is None and camera is None:
        return "local", taken_at.replace(tzinfo=UTC).timestamp()
    return "known", taken_at.replace(tzinfo=taken_at.tzinfo or camera).timestamp()


def _no_photos(root: Path, problems: list[str]) -> BadInput:
    why = f" {problems[0]}" if problems else ""
    return BadInput(
        f"There are no photos in {root}.{why} Pass a folder with JPEG, PNG, WebP, HEIC, AVIF or TIFF files."
    )
