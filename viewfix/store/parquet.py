"""Parquet files with everything that a map stores about its photos. Every value is checked when it is read."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..optional import optional
from ..shell import shell_quoted
from ..types import Camera, Photo, Position, Skipped, View
from .records import Halves, ModelIdentity, Record, Rows, from_json_text, to_values

FORMAT = 3
"""Format 1 had no content_hash and no content_hint, and did not state its format; 2 had no view and no camera."""

CHUNK = 4096
COLUMNS = ("id", "file", "lat", "lon", "radius_m", "heading_deg", "taken_at", "attribution", "licence",
           "view", "camera", "content_hash", "content_hint")  # fmt: skip
_NUMBERS = ("lat", "lon", "radius_m", "heading_deg")
_WANTED = ("id", "file", "lat", "lon", "descriptor")
_MOST_TEXT = 100_000  # characters of one field: a hostile file must not fill a map with a single text
_LENGTH_SLACK = 0.01  # a descriptor of length 1, rounded to float16, is off by 0.0005

Found = tuple[Rows, list[Record], Halves, list[Skipped], int]


def write(
    target: Path, model: ModelIdentity, batches: Iterable[tuple[Sequence[Record], Halves]], about: dict[str, Any]
) -> Iterator[int]:
    """Write photos with their descriptors, one row group a batch; yields the number of photos written so far.

    `about` goes into the file's metadata, beside the model and the format.
    """
    arrow, parquet = optional("pyarrow"), optional("pyarrow.parquet")
    fields = [(name, arrow.float64() if name in _NUMBERS else arrow.string()) for name in COLUMNS]
    schema = arrow.schema([*fields, ("descriptor", arrow.list_(arrow.float16(), model.dim))])
    # The fingerprint is repeated beside the model, where readers of format 1 expect it.
    head = {"format": FORMAT, "model": asdict(model), "fingerprint": model.fingerprint, **about}
    schema = schema.with_metadata({"viewfix": json.dumps(head)})
    done = 0
    with parquet.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for records, halves in batches:
            values = list(zip(*map(to_values, records), strict=True)) or [()] * len(COLUMNS)
            columns = [arrow.array(each, kind) for each, (_, kind) in zip(values, fields, strict=True)]
            flat = arrow.array(np.ascontiguousarray(halves, np.float16).reshape(-1))
            columns.append(arrow.FixedSizeListArray.from_arrays(flat, model.dim))
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            done += len(records)
            yield done


class ParquetFile:
    """An export of a map, perhaps by another program. Read in parts, and opened anew for each pass."""

    def __init__(self, path: Path) -> None:
        """Read the schema and metadata of a file.

        Raises:
            BadInput: it is not a Parquet file or not an export of viewfix, or lacks a column that a map needs.
        """
        self.path = path
        with self._opened() as file:
            self._schema, self._count = file.schema_arrow, int(file.metadata.num_rows)
        names = set(self._schema.names)
        if missing := [name for name in _WANTED if name not in names]:
            raise BadInput(
                f"{path} has no column {' and no '.join(missing)}, so it is not an export of a map. "
                f"Write one with: viewfix export MAP {shell_quoted(path.name)}"
            )
        head = self._head()
        self.model = self._model(head)
        self.calibration: dict[str, Any] | None = _calibration(head)
        self.created_at: datetime | None = None
        with contextlib.suppress(TypeError, ValueError):
            self.created_at = datetime.fromisoformat(head.get("created_at", ""))
        with path.open("rb") as raw:  # the footer lists all row groups, with their least and greatest values
            size = raw.seek(0, 2)
            raw.seek(max(0, size - 2**20))
            self.identity = "parquet:" + blake2b(raw.read() + str(size).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return self._count

    def photos(self, after: int = 0) -> Iterator[Found]:
        """Rows above `after`, from 1: (n,) rows, n records, (n, dim) float16, skipped photos, and the last row."""
        columns = [name for name in (*COLUMNS, "descriptor") if name in self._schema.names]
        with self._opened() as file:
            start = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if start + size > after:
                    for batch in file.iter_batches(CHUNK, row_groups=[group], columns=columns):
                        if start + batch.num_rows > after:
                            yield self._checked(batch, start, after)
                        start += batch.num_rows
                else:
                    start += size

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        parquet = optional("pyarrow.parquet")
        try:
            with parquet.ParquetFile(self.path, memory_map=False) as file:
                yield file
        except FileNotFoundError as error:
            raise BadInput(
                f"There is no file {self.path}. Write one with: viewfix export MAP {shell_quoted(self.path)}"
            ) from error
        except (OSError, ValueError) as error:  # the errors of Arrow are of these
            seen = " ".join(str(error).split())[:200]
            raise BadInput(f"{self.path} cannot be read as Parquet ({seen}). Was it written to its end?") from error

    def _head(self) -> dict[str, Any]:
        try:
            head = json.loads((self._schema.metadata or {})[b"viewfix"])
        except (KeyError, ValueError):
            head = None
        if isinstance(head, dict) and isinstance(head.get("model"), dict):
            head = {**head, **{"dim": None, "fingerprint": None, **head["model"], "model": head["model"].get("name")}}
        if not isinstance(head, dict) or not all(isinstance(head.get(key), str) for key in ("model", "fingerprint")):
            raise BadInput(
                f"{self.path} does not name the model of its descriptors, as an export of viewfix does. "
                f"Build from its photos instead: viewfix build NEW.map {shell_quoted(self.path)}"
            )
        if not isinstance(head.get("format", 1), int) or head.get("format", 1) > FORMAT:
            raise BadInput(
                f"{self.path} was written by a newer viewfix: its format is {head['format']}, this viewfix reads up to "
                f"{FORMAT}. Run: pip install --upgrade viewfix"
            )
        return head

    def _model(self, head: dict[str, Any]) -> ModelIdentity:
        types = optional("pyarrow.types")
        kind = self._schema.field("descriptor").type
        lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
        if not lists or not types.is_floating(kind.value_type):
            raise BadInput(
                f"{self.path} has descriptors of type {kind}, where lists of float16 are expected. "
                f"Build from its photos instead: viewfix build NEW.map {shell_quoted(self.path)}"
            )
        fixed = kind.list_size if types.is_fixed_size_list(kind) else None
        dim = fixed if head.get("dim") is None else head["dim"]
        if not isinstance(dim, int) or not 1 <= dim <= 65_536 or fixed not in (None, dim):
            raise BadInput(
                f"{self.path} has descriptors of {fixed or 'any number of'} numbers, but says that its model "
                f"{head['model']} makes {dim}. It is damaged or was changed: export the map again."
            )
        for name in COLUMNS:
            if name in self._schema.names and not _fits(self._schema.field(name).type, name in _NUMBERS):
                raise BadInput(
                    f"{self.path} has a column {name} of type {self._schema.field(name).type}, where "
                    f"{'numbers are' if name in _NUMBERS else 'text is'} expected. Export the map again."
                )
        return ModelIdentity(head["model"], head["fingerprint"], dim)

    def _checked(self, batch: Any, start: int, after: int) -> Found:
        columns = {name: batch.column(name).to_pylist() for name in COLUMNS if name in batch.schema.names}
        wide, whole = _descriptors(batch.column("descriptor"), self.model.dim)
        halves, good = _halves(wide, whole)
        rows: list[int] = []
        records: list[Record] = []
        skipped: list[Skipped] = []
        for at in range(max(0, after - start), batch.num_rows):
            cells = {name: values[at] for name, values in columns.items()}
            row = start + at + 1
            found: Record | str = "its descriptor does not have length 1, or has the wrong size for this model"
            if good[at]:
                found = _record(cells, halves[at])
            if isinstance(found, str):
                key = cells["id"] if isinstance(cells["id"], str) and 0 < len(cells["id"]) <= 1000 else f"row {row}"
                skipped.append(Skipped(key, f"row {row} of {self.path.name}: {found}."))
                continue
            rows.append(row)
            records.append(found)
        kept = np.array(rows, np.int64)
        return kept, records, halves[kept - start - 1], skipped, start + int(batch.num_rows)


def _fits(kind: Any, number: bool) -> bool:
    types = optional("pyarrow.types")
    if types.is_null(kind):
        return True
    if number:
        return bool(types.is_floating(kind) or types.is_integer(kind))
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _descriptors(column: Any, dim: int) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """(N, dim) numbers, zeros for descriptors of another size; and (N,) whether each has the right size."""
    types = optional("pyarrow.types")
    if types.is_fixed_size_list(column.type) and not column.null_count and not column.flatten().null_count:
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(column), dim), np.ones(len(column), np.bool_)
    wide = np.zeros((len(column), dim), column.type.value_type.to_pandas_dtype())
    whole = np.zeros(len(column), np.bool_)
    for at, each in enumerate(column):
        if each.is_valid and len(each.values) == dim and not each.values.null_count:
            wide[at], whole[at] = each.values.to_numpy(zero_copy_only=False), True
    return wide, whole


def _halves(wide: npt.NDArray[np.floating], whole: npt.NDArray[np.bool_]) -> tuple[Halves, npt.NDArray[np.bool_]]:
    """(N, dim) float16 as a map stores them, to the last bit; and (N,) whether each can be used."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        lengths = np.linalg.norm(wide.astype(np.float32), axis=1)
        good = whole & np.isfinite(lengths) & (np.abs(lengths - 1) <= _LENGTH_SLACK)
        if wide.dtype == np.float16:
            return np.asarray(wide, "<f2"), good
        return np.asarray(wide / np.where(good, lengths, 1)[:, None], "<f2"), good


def _record(cells: dict[str, Any], halves: npt.NDArray[np.float16]) -> Record | str:
    """One row as a record, or the reason why it cannot be used."""
    if not cells["id"] or cells["file"] is None:
        return f"it has no {'file' if cells['id'] else 'id'}"
    for name, value in cells.items():
        if isinstance(value, str) and (len(value) > _MOST_TEXT or "\0" in value):
            return f"its {name} has {len(value):,} characters or a NUL, which a map cannot store"
    if cells["lat"] is None or cells["lon"] is None:
        return "it has no position"
    heading, taken_at = cells.get("heading_deg"), cells.get("taken_at")
    if heading is not None and not (math.isfinite(heading) and 0 <= heading <= 360):
        return f"its heading is {heading}, where degrees from 0 to 360 are expected"
    radius = cells.get("radius_m")
    try:
        at = Position(float(cells["lat"]), float(cells["lon"]), None if radius is None else float(radius))
        time = None if taken_at is None else datetime.fromisoformat(taken_at)
        view, camera = from_json_text(View, cells.get("view")), from_json_text(Camera, cells.get("camera"))
    except BadInput as error:
        return str(error).rstrip(".")
    except ValueError:
        return f"its time is {str(taken_at)[:40]!r}, where one like 2024-05-01T12:00:00 is expected"
    heading = None if heading is None else float(heading)
    credit = (cells.get("attribution"), cells.get("licence"))
    photo = Photo(cells["id"], cells["file"], at, heading, time, *credit, view, camera)
    # Format 1 had no hash of the pixels: no photo has this one, so the next `add` reads its file again.
    content = cells.get("content_hash") or "unknown:" + blake2b(halves.tobytes(), digest_size=16).hexdigest()
    return Record(photo, content, cells.get("content_hint"))


def _calibration(head: dict[str, Any]) -> dict[str, Any] | None:
    found = head.get("calibration")
    return found if isinstance(found, dict) else None


def about(created_at: datetime | None, map_id: str, calibration: dict[str, Any] | None) -> dict[str, Any]:
    """The facts about a map that an export stores with its photos, for `write`."""
    made = None if created_at is None else created_at.isoformat()
    return {"created_at": made, "map_id": map_id, "calibration": calibration}
