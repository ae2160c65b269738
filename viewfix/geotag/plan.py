"""Find where the photos of albums were taken, list it, and write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import BadInput
from ..locate.context import MapContext
from ..models.model import Model
from ..roads.router import Router
from ..store.store import Store
from ..telemetry import read_gpx
from ..track.context import TrackContext
from ..types import Progress, silent
from .album import list_album
from .connect import connect, own_position
from .exiftool import ExifTool
from .job import Job, Row
from .journal import written_before
from .names import names_of
from .options import USUAL_OPTIONS, GeotagOptions
from .proposal import Proposal, Seen, State
from .see import look_at_all
from .tag import Tag
from .write import Wanted, Written, write_tags


@dataclass(frozen=True, slots=True)
class Album:
    """One folder of photos, the folder to which its sidecars go, and what was found out about it."""

    root: Path
    target: Path
    job: Job
    problems: tuple[str, ...] = ()

    def proposals(self, options: GeotagOptions) -> Iterator[Proposal]:
        """Every photo, in the order of time."""
        for row in self.job.rows():
            yield proposal_of(self.root, row, options)


class GeotagPlan:
    """Where the photos of some folders were taken. Nothing is written before `write` is called.

    The answers are on disk, in the cache of viewfix: iterating reads them in small pages.
    """

    def __init__(
        self, albums: Sequence[Album], options: GeotagOptions, store: Store, progress: Progress = silent
    ) -> None:
        self.albums, self.options = tuple(albums), options
        self.store = store
        self._progress = progress

    def __iter__(self) -> Iterator[Proposal]:
        for album in self.albums:
            yield from album.proposals(self.options)

    def counts(self) -> Counter[State]:
        """The number of photos by state; see `STATES`."""
        return Counter(proposal.state for proposal in self)

    def write(self) -> Written:
        """Write the position of every photo that is placed; with `mend`, also of those whose own position is wrong.

        Raises:
            StorageFailed: a folder cannot be written.
            BadInput: exiftool is missing or too old.
        """
        total = Written()
        for album in self.albums:
            wanted = self._wanted(album)
            count = sum(1 for _ in self._wanted(album))
            if not count:
                continue
            done = write_tags(album.root, album.target, wanted, self.options, self._progress, count)
            total.photos += done.photos
            total.files += done.files
            for each in done.skipped:
                total.skip(each.id, each.reason)
            total.skipped_count += done.skipped_count - len(done.skipped)
        return total

    def _wanted(self, album: Album) -> Iterator[Wanted]:
        states = ("placed", "wrong") if self.options.mend else ("placed",)
        for each in album.proposals(self.options):
            if each.state in states and each.tag is not None:
                yield each.id, each.tag

    def close(self) -> None:
        """Release the files of the plan."""
        for album in self.albums:
            album.job.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def plan_geotags(
    context: MapContext,
    tracking: TrackContext,
    model: Model,
    folders: Sequence[str | Path],
    *,
    options: GeotagOptions = USUAL_OPTIONS,
    progress: Progress = silent,
) -> GeotagPlan:
    """Find out where the photos of folders were taken. What an earlier run found out is not computed again.

    Args:
        context, tracking, model: the parts of the open map.
        folders: the folders; each is an album, with all folders below it.
        options: how to find out, and what to write later.
        progress: called with the current stage.

    Raises:
        BadInput: a folder does not exist, has no photos, or an option is out of range.
        StorageFailed: the cache cannot be written.
    """
    roots = _roots(folders)
    if options.write == "exif":
        ExifTool().close()  # before minutes of work, not after
    tracks = [read_gpx(path) for path in options.gpx]
    names = names_of(context.store, Router(context.store), options.language)
    identity = (context.store.map_id, str(context.store.version), model.fingerprint, options.verify)
    albums: list[Album] = []
    try:
        for root in roots:
            target = _target(root, roots, options)
            job = Job(root, identity)
            albums.append(Album(root, target, job))
            problems = list_album(root, job, options.camera_zone, partial(written_before, target), progress)
            look_at_all(root, job, context, model, options, progress)
            connect(job, tracking, tracks, options, names, progress)
            albums[-1] = Album(root, target, job, tuple(problems))
    except BaseException:
        for album in albums:
            album.job.close()
        raise
    return GeotagPlan(albums, options, context.store, progress)


def _roots(folders: Sequence[str | Path]) -> list[Path]:
    if not folders:
        raise BadInput("No folder was passed. Pass the folder of the photos to geotag.")
    roots = list(dict.fromkeys(Path(each).absolute() for each in folders))
    for root in roots:
        if not root.exists():
            raise BadInput(f"There is no {root}. Pass the folder of the photos to geotag.")
        if not root.is_dir():
            raise BadInput(f"{root} is not a folder. Pass the folder of the photos to geotag: {root.parent}")
    return roots


def _target(root: Path, roots: Sequence[Path], options: GeotagOptions) -> Path:
    if options.sidecars_in is None:
        return root
    return options.sidecars_in.absolute() if len(roots) == 1 else options.sidecars_in.absolute() / root.name


def proposal_of(root: Path, row: Row, options: GeotagOptions) -> Proposal:
    """What follows from the answer for one photo."""
    own, answer, path = own_position(row), row.answer or {}, root / row.id
    taken_at = None if row.taken_at is None else datetime.fromisoformat(row.taken_at)
    if row.skipped is not None:
        return Proposal(path, row.id, "skipped", None, row.skipped, taken_at, own)
    if row.written:
        reason = "its position was written by an earlier run; to undo: --undo"
        return Proposal(path, row.id, "written", None, reason, taken_at, own)
    tag = Tag.from_json(answer["tag"]) if "tag" in answer else None
    seen = tuple(Seen(**each) for each in (row.found or {}).get("seen", ()))
    state: State
    if own is not None:
        state = "wrong" if answer.get("wrong") and tag is not None else "positioned"
    else:
        sure = tag is not None and tag.confidence is not None and tag.confidence >= options.least_confidence
        state = "placed" if sure else "unsure"
    reason = str(answer.get("reason", "nothing shows where it was taken"))
    if row.problem is not None and own is None:
        reason = f"{row.problem}; {reason}"
    return Proposal(path, row.id, state, tag, reason, taken_at, own, seen)
