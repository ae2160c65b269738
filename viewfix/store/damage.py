"""Damaged rows of a map: each is logged once, and left out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..types import Photo
from .records import Record, to_photo, to_record

NAMED = 10
"""The number of damaged rows that the log names, for each open map."""


class DamageLog:
    """The damaged rows of one open map that were found so far."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self._rows: set[int] = set()
        self._lock = threading.Lock()

    def report(self, row: int, what: str) -> None:
        """Log a damaged row, the first time that it is read."""
        with self._lock:
            if row in self._rows or len(self._rows) > NAMED:
                return
            self._rows.add(row)
            count = len(self._rows)
        if count > NAMED:
            what = "there are more rows like these"
        logging.getLogger("viewfix").warning(
            "%s: row %d is damaged and is left out: %s. Add its photo again, or restore the map from a copy.",
            self.shown,
            row,
            what,
        )

    def report_point(self, number: int) -> None:
        """Log a damaged point of interest, the first time that it is read."""
        with self._lock:
            if -number in self._rows or len(self._rows) > NAMED:
                return
            self._rows.add(-number)
        logging.getLogger("viewfix").warning(
            "%s: point of interest %d is damaged and is left out. Add its file again.", self.shown, number
        )


def to_photos(found: Iterable[Sequence[Any]], damage: DamageLog) -> Iterator[tuple[int, Photo]]:
    """Parse tuples of a row and PHOTO_COLUMNS into photos; damaged ones are left out."""
    for row, *values in found:
        try:
            yield row, to_photo(values)
        except (BadInput, ValueError, TypeError) as error:
            damage.report(row, _what(values, error))


def to_records(found: Iterable[Sequence[Any]], damage: DamageLog) -> Iterator[tuple[int, Record]]:
    """Parse tuples of a row and COLUMNS into records; damaged ones are left out."""
    for row, *values in found:
        try:
            yield row, to_record(values)
        except (BadInput, ValueError, TypeError) as error:
            damage.report(row, _what(values, error))


def _what(values: Sequence[Any], error: Exception) -> str:
    """What is wrong with a photo. `Position` would suggest swapped coordinates, which are not the cause here."""
    photo_id, _, lat, lon = values[:4]
    if not all(isinstance(each, float | int) and abs(each) <= most for each, most in ((lat, 90), (lon, 180))):
        return f"the position of {photo_id!r:.80} is ({lat!r:.40}, {lon!r:.40})"
    return f"{photo_id!r:.80}, {str(error).rstrip('.')[:200]}"


def usable(
    rows: npt.NDArray[np.int64], halves: npt.NDArray[np.float16], damage: DamageLog
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]:
    """Of (N,) rows and (N, dim) descriptors, those without a NaN or an infinity and not all zeros."""
    if not len(rows):
        return rows, halves
    # Without their sign bit, float16 numbers sort like integers: the greatest of a row shows whether it is usable.
    greatest = (halves.view(np.uint16) << 1).max(axis=1)
    bad = (greatest >= _INFINITY) | (greatest == 0)
    if not bad.any():
        return rows, halves
    for row in rows[bad].tolist():
        damage.report(row, "its descriptor contains a NaN or an infinity, or is all zeros")
    return rows[~bad], halves[~bad]


_INFINITY = 0xF800  # of float16, shifted by the sign bit
