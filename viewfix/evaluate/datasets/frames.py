"""Two folders of the same route, one picture for each frame; matches within a few frames are right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import BadInput
from ...sources.utm import is_utm_name
from ..protocol import FrameFolders, Protocol, WithinFrames
from .dataset import Dataset, Picture, Rows
from .places import pictures, two_folders
from .truth import by_frame

PANO_ID = 7
"""The cell of an "@" name in which formatted copies have the frame number."""

SEASONS = ("summer", "winter")
"""Folders as recorded, with every frame. A protocol with every tenth frame as a query selects those."""


def load(layout: FrameFolders, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None if none of the pairs of folders exists.

    Raises:
        BadInput: the frames of the two folders cannot be matched.
    """
    assert isinstance(wanted.rule, WithinFrames), "pictures of this layout are frames"
    for names in layout.folders:
        folders = two_folders(root, *names)
        if folders is not None:
            return of_folders(*folders, wanted, wanted.rule, whole=folders[1].name in SEASONS)
    return None


def of_folders(map_folder: Path, query_folder: Path, wanted: Protocol, rule: WithinFrames, *, whole: bool) -> Dataset:
    """Match two folders of frames.

    Args:
        map_folder: M frames.
        query_folder: Q frames, every `rule.step`-th of the route.
        wanted: the protocol.
        rule: how near a right frame has to be.
        whole: the query folder has every frame, of which only each `rule.step`-th is a query.
    """
    photos, queries = pictures(map_folder), pictures(query_folder)
    notes: tuple[str, ...] = ()
    if whole and rule.step > 1 and len(queries) * 2 > len(photos):
        photo_frames, frames = numbered(photos, queries, step=1)
        kept = np.flatnonzero(frames % rule.step == 0)
        notes = (f"Of {len(queries):,} frames in {query_folder.name}/ every {rule.step}th is a query.",)
        queries, frames = tuple(queries[row] for row in kept), frames[kept]
    else:
        photo_frames, frames = numbered(photos, queries, step=rule.step)
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_frame(frames, photo_frames, rule.frames),
        protocol=wanted,
        notes=notes,
    )


def numbered(photos: Sequence[Picture], queries: Sequence[Picture], *, step: int) -> tuple[Rows, Rows]:
    """(M,) and (Q,) int64: the frame number of every picture, counted over both folders together.

    If both folders number their files alike, frames are counted among all numbers that occur: a picture missing in one
    folder moves no other, and gaps in both do not count (stops that were cut out of a ride, for example). Otherwise the
    order of the files decides, and then none may be missing.

    Raises:
        BadInput: neither is possible.
    """
    one, other = _numbers(photos), _numbers(queries)
    if one is not None and other is not None:
        alike = len(np.intersect1d(one, other)) * 2 >= min(len(one), len(other)) > 0
        if alike and int(np.ptp(other)) >= (len(other) - 1) * step:
            every = np.union1d(one, other)
            return np.searchsorted(every, one), np.searchsorted(every, other)
        frames = (other - other.min()) * step  # queries that are numbered separately
        if step > 1 and int(frames.max()) < len(one):
            return np.searchsorted(np.sort(one), one), frames
    if not (len(queries) - 1) * step < len(photos) <= len(queries) * step:
        raise BadInput(
            f"The file names do not tell which of {len(queries):,} queries belongs to which of {len(photos):,} map "
            f"pictures{f' (one to {step})' if step > 1 else ''}. Number both folders alike: 0001.jpg, 0002.jpg, ..."
        )
    return np.arange(len(photos), dtype=np.int64), step * np.arange(len(queries), dtype=np.int64)


def _numbers(of_pictures: Sequence[Picture]) -> Rows | None:
    """The number in every file name; None if a name has none, or two names have the same."""
    found = [_number(PurePosixPath(picture.id).name) for picture in of_pictures]
    known = [number for number in found if number is not None]
    if len(known) < len(found) or len(set(known)) < len(known):
        return None
    return np.array(known, np.int64)


def _number(name: str) -> int | None:
    if is_utm_name(name):
        cell = name.split("@")[PANO_ID] if name.count("@") >= PANO_ID else ""
        return int(cell) if cell.isdecimal() else None
    digits = re.findall(r"\d{1,15}", name.rsplit(".", 1)[0])
    return int(digits[-1]) if digits else None
