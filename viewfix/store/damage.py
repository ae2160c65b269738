"""Rows of a map that cannot be used: each is named once in the log, and left out."""

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
"""How many rows are named; further ones would only repeat it."""


class DamageLog:
    """The damaged rows of one open map that were found so far."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self._rows: set[int] = set()
        self._lock = threading.Lock()

    def report(self, row: int, what: str) -> None:
        """Warn of a row, the first time that it is met."""
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
        """Warn of a point of interest, the first time that it is met."""
        with self._lock:
            if -number in self._rows or len(self._rows) > NAMED:
                return
            self._rows.add(-number)
        logging.getLogger("viewfix").warning(
            "%s: point of interest %d is damaged and is left out. Add its file again.", self.shown, number
        )


def to_photos(found: Iterable[Sequence[Any]], damage: DamageLog) -> Iterator[tuple[int, Photo]]:
    """Lines of row and PHOTO_COLUMNS as photos; damaged ones are left out."""
    for row, *values in found:
        try:
            yield row, to_photo(values)
        except (BadInput, ValueError, TypeError) as error:
            damage.report(row, _what(values, error))


def to_records(found: Iterable[Sequence[Any]], damage: DamageLog) -> Iterator[tuple[int, Record]]:
    """Lines of row and COLUMNS as records; damaged ones are left out."""
    for row, *values in found:
        try:
            yield row, to_record(values)
        except (BadInput, ValueError, TypeError) as error:
            damage.report(row, _what(values, error))


def _what(values: Sequence[Any], error: Exception) -> str:
    """What is wrong with a photo. Not the words of `Position`: nobody has swapped anything in a damaged file."""
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
    # Without the sign bit, the greatest number of a row tells: 15 bits of exponent and fraction, in order of size.
    greatest = (halves.view(np.uint16) << 1).max(axis=1)
    bad = (greatest >= _INFINITY) | (greatest == 0)
    if not bad.any():
        return rows, halves
    for row in rows[bad].tolist():
        damage.report(row, "its descriptor holds what is not a number, or is all zeros")
    return rows[~bad], halves[~bad]


_INFINITY = 0xF800  # of float16, shifted by the sign bit
