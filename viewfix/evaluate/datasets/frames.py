"""Two folders of the same way, a frame a picture, become a Dataset in which near frames are right."""

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
"""The cell of an "@" name in which formatted copies keep the number of the frame."""

SEASONS = ("summer", "winter")
"""Folders as recorded: every frame is there, and a protocol that asks for every tenth takes those."""


def load(layout: FrameFolders, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None where none of the pairs of folders is there.

    Raises:
        BadInput: the frames of the two folders cannot be told to belong together.
    """
    assert isinstance(wanted.rule, WithinFrames), "frames of this layout have numbers"
    for names in layout.folders:
        folders = two_folders(root, *names)
        if folders is not None:
            return of_folders(*folders, wanted, wanted.rule, whole=folders[1].name in SEASONS)
    return None


def of_folders(map_folder: Path, query_folder: Path, wanted: Protocol, rule: WithinFrames, *, whole: bool) -> Dataset:
    """Two folders of frames.

    Args:
        map_folder: M frames.
        query_folder: Q frames, every `rule.step`-th of the way.
        wanted: the protocol to be measured by.
        rule: how near frames have to be.
        whole: the query folder holds every frame, of which only each `rule.step`-th is asked.
    """
    photos, queries = pictures(map_folder), pictures(query_folder)
    notes: tuple[str, ...] = ()
    if whole and rule.step > 1 and len(queries) * 2 > len(photos):
        photo_frames, frames = numbered(photos, queries, step=1)
        kept = np.flatnonzero(frames % rule.step == 0)
        notes = (f"Of {len(queries):,} frames in {query_folder.name}/ every {rule.step}th is asked.",)
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
    """(M,) and (Q,) int64: the number of the frame of every picture, counted over both folders together.

    Where both folders number their files alike, frames are counted among all numbers that occur, so
    that one picture missing in one of them moves no other (and that gaps in both count for nothing, as
    where stops were cut out of a ride). Else their order tells, and then none may be missing.

    Raises:
        BadInput: neither works.
    """
    one, other = _numbers(photos), _numbers(queries)
    if one is not None and other is not None:
        alike = len(np.intersect1d(one, other)) * 2 >= min(len(one), len(other)) > 0
        if alike and int(np.ptp(other)) >= (len(other) - 1) * step:
            every = np.union1d(one, other)
            return np.searchsorted(every, one), np.searchsorted(every, other)
        frames = (other - other.min()) * step  # queries with a count of their own
        if step > 1 and int(frames.max()) < len(one):
            return np.searchsorted(np.sort(one), one), frames
    if not (len(queries) - 1) * step < len(photos) <= len(queries) * step:
        raise BadInput(
            f"The file names do not say which of {len(queries):,} queries belongs to which of {len(photos):,} map "
            f"pictures{f' (one to {step})' if step > 1 else ''}. Number both folders alike, as 0001.jpg, 0002.jpg."
        )
    return np.arange(len(photos), dtype=np.int64), step * np.arange(len(queries), dtype=np.int64)


def _numbers(those: Sequence[Picture]) -> Rows | None:
    """The number in every file name; None where one has none, or two have the same."""
    found = [_number(PurePosixPath(picture.id).name) for picture in those]
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
