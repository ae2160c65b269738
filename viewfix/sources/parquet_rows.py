"""Read only the columns of a Parquet file that are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..optional import optional
from ..photos import RemoteFile

PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
BATCH_ROWS = 4096


def header_of(path: Path | RemoteFile) -> tuple[tuple[str, ...], int]:
    """The names of the columns that are not nested, and the number of rows."""
    with path.open("rb") as raw, optional("pyarrow.parquet").ParquetFile(raw) as file:
        schema, count = file.schema_arrow, int(file.metadata.num_rows)
    types = optional("pyarrow.types")
    return tuple(field.name for field in schema if not types.is_nested(field.type)), count


def rows_of(path: Path | RemoteFile, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows, with the cells of some columns. Times are cut to microseconds; one that Python cannot store is None."""
    with path.open("rb") as raw, optional("pyarrow.parquet").ParquetFile(raw) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
            cells = [_values(column) for column in batch.columns]
            names = batch.schema.names
            for row in range(batch.num_rows):
                yield {name: values[row] for name, values in zip(names, cells, strict=True)}


def _values(column: Any) -> list[Any]:
    types, kind = optional("pyarrow.types"), column.type
    if types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if types.is_timestamp(kind):
        return [_moment(kind, each) for each in _whole_numbers(column)]
    if types.is_date(kind):
        per_day = 1 if types.is_date32(kind) else 86_400_000
        return [_day(each, per_day) for each in _whole_numbers(column)]
    if types.is_duration(kind) or types.is_time(kind) or types.is_null(kind):  # none of these has a date
        return [None] * len(column)
    values: list[Any] = column.to_pylist()
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [None if each is None else each.decode(errors="replace") for each in values]
    return values


def _whole_numbers(column: Any) -> list[int | None]:
    arrow, types = optional("pyarrow"), optional("pyarrow.types")
    numbers: list[int | None] = column.view(
        arrow.int32() if types.is_date32(column.type) else arrow.int64()
    ).to_pylist()
    return numbers


def _moment(kind: Any, count: int | None) -> datetime | None:
    """A time from its count since 1970: in UTC if the column has a time zone, else without one."""
    if count is None:
        return None
    start = datetime(1970, 1, 1, tzinfo=UTC if kind.tz else None)
    return _shifted(start, lambda: timedelta(microseconds=count * 1_000_000 // PER_SECOND[kind.unit]))


def _day(count: int | None, per_day: int) -> datetime | None:
    return None if count is None else _shifted(datetime(1970, 1, 1), lambda: timedelta(days=count // per_day))


def _shifted(start: datetime, shift: Callable[[], timedelta]) -> datetime | None:
    try:
        return start + shift()
    except OverflowError:
        return None
