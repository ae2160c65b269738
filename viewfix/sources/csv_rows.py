"""Read CSV files row by row, however long a cell is, and report the rows that are malformed.

A quote that is never closed would silently swallow every row after it. Here its row is reported, and the rows after it
are read. A row with bytes that are not text is reported too.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ..photos import RemoteFile

MOST = 1 << 26
"""Characters of one row. A longer row is a mistake, such as a file without line ends, and is skipped."""

LARGEST_CELL = (1 << 31) - 1
"""The largest limit that the csv module takes on every system."""

NOT_TEXT = "it contains bytes that are not text. Save the file as UTF-8 (in a spreadsheet: CSV UTF-8)."

NEVER_CLOSED = 'it opens a quote (") that is never closed. Close it, or write "" for a quote in a cell.'

LooksLikeRow = Callable[[Sequence[str]], bool]
"""Whether the cells of a line inside quotes could be a row of the table on their own."""


class CsvFile:
    """One CSV file, in UTF-8 or UTF-16. The delimiter is the most frequent of comma, semicolon and tab in line 1."""

    def __init__(self, path: Path | RemoteFile) -> None:
        """Read the header.

        Raises:
            OSError: the file cannot be read.
        """
        self.path = path
        with path.open("rb") as raw:
            marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            self._encoding = "utf-16" if raw.read(2) in marks else "utf-8-sig"
        with self._opened() as file:
            first = file.readline(MOST)
        self.delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)
        _, record, _ = next(self._records(lambda cells: False), (0, "", None))
        self.header: tuple[str, ...] = tuple(name.strip() for name in self._split(record))

    def rows(self, looks_like_row: LooksLikeRow) -> Iterator[tuple[int, list[str] | str]]:
        """The rows after the header that are not blank: the number of the last line, and the cells or the problem."""
        records = self._records(looks_like_row)
        next(records, None)
        for line, record, problem in records:
            try:
                cells = self._split(record)
            except csv.Error as error:
                problem = problem or f"it is not a row of a table ({error})."
            if problem is not None or self._is_damaged(record):
                yield line, problem or NOT_TEXT
            elif any(cell.strip() for cell in cells[len(self.header) :]):
                more = f"it has {len(cells)} cells where the header has {len(self.header)}"
                yield line, f"{more}. Put quotes around a cell that contains {self.delimiter!r}."
            elif any(cell.strip() for cell in cells):
                yield line, cells

    def _opened(self) -> IO[str]:
        # The reader must not stop at a row with broken bytes, which is reported instead.
        errors = "replace" if self._encoding == "utf-16" else "surrogateescape"
        return io.TextIOWrapper(self.path.open("rb"), encoding=self._encoding, errors=errors, newline="")

    def _records(self, looks_like_row: LooksLikeRow) -> Iterator[tuple[int, str, str | None]]:
        """Every row: the number of its last line, its text, and the problem if it is malformed."""
        with self._opened() as file:
            lines = _Lines(file)
            while (line := lines.next()) is not None:
                first = lines.number
                if len(line) >= MOST and not line.endswith(("\n", "\r")):
                    lines.skip_line()
                    yield first, "", f"it is longer than {MOST >> 20} million characters."
                    continue
                inside = _ends_in_quotes(line, self.delimiter)
                parts, size = [line], len(line)
                while inside and size < MOST and (following := lines.next()) is not None:
                    parts.append(following)
                    size += len(following)
                    inside = _ends_in_quotes(following, self.delimiter, inside=True)
                if inside or (len(parts) > 1 and self._swallows(parts, looks_like_row)):
                    lines.push_back(parts[1:], first)
                    yield first, line, NEVER_CLOSED
                else:
                    yield lines.number, "".join(parts), None

    def _swallows(self, parts: Sequence[str], looks_like_row: LooksLikeRow) -> bool:
        """Whether a quote in a later row was taken to close an unclosed one, with whole rows between them."""
        try:
            self._split("".join(parts), strict=True)
            return any(looks_like_row(self._split(part)) for part in parts[1:])
        except csv.Error:
            return True

    def _split(self, record: str, *, strict: bool = False) -> list[str]:
        if csv.field_size_limit() < LARGEST_CELL:  # the limit belongs to the process, and others may set it
            csv.field_size_limit(LARGEST_CELL)
        return next(csv.reader([record], delimiter=self.delimiter, strict=strict), [])

    def _is_damaged(self, record: str) -> bool:
        if record.isascii():
            return False
        return (
            "\ufffd" in record if self._encoding == "utf-16" else any("\ud800" <= char <= "\udfff" for char in record)
        )


class _Lines:
    """The lines of a file. Lines can be pushed back, to be read again."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._again, self.number = file, list[str](), 0

    def next(self) -> str | None:
        line = self._again.pop() if self._again else self._file.readline(MOST)
        self.number += 1
        return line or None

    def push_back(self, lines: Sequence[str], number: int) -> None:
        self._again += reversed(lines)
        self.number = number

    def skip_line(self) -> None:
        while (rest := self._file.readline(MOST)) and not rest.endswith(("\n", "\r")):
            pass


def _ends_in_quotes(line: str, delimiter: str, *, inside: bool = False) -> bool:
    """Whether a line ends within quotes; `inside` is whether it begins within them."""
    if '"' not in line:
        return inside
    at = 0
    while True:
        if inside or line.startswith('"', at):
            at += 0 if inside else 1
            inside = False
            while (at := line.find('"', at)) >= 0 and line.startswith('"', at + 1):
                at += 2
            if at < 0:
                return True
        at = line.find(delimiter, at)
        if at < 0:
            return False
        at += 1
