"""Records with their descriptors become a Parquet file that other programs read, and come back from one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..optional import optional
from ..types import Photo, Position, Progress, Skipped, silent
from .pairing import described
from .records import ModelIdentity, Record, to_values
from .store import Store

COLUMNS = ("id", "file", "lat", "lon", "radius_m", "heading_deg", "taken_at", "attribution", "licence")
CONTENT = ("content_hash", "content_hint")
FORMAT = 2  # 1, of viewfix 0.1.0, had no content hashes
CHUNK = 4096
_NUMBERS = ("lat", "lon", "radius_m", "heading_deg")

Halves = npt.NDArray[np.float16]


def write(store: Store, target: Path, progress: Progress = silent) -> int:
    """Write every photo of a map, a row group for 4,096 of them; how many there were."""
    arrow, parquet = optional("pyarrow"), optional("pyarrow.parquet")
    kinds = {name: arrow.float64() for name in _NUMBERS}
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in (*COLUMNS, *CONTENT)])
    schema = schema.append(arrow.field("descriptor", arrow.list_(arrow.float16(), store.model.dim)))
    about = {"format": FORMAT, "model": asdict(store.model), "map_id": store.map_id}
    # As viewfix 0.1.0 wrote them, for who reads that.
    about |= {"fingerprint": store.model.fingerprint}
    schema = schema.with_metadata({"viewfix": json.dumps(about)})
    done, total = 0, len(store)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for _, records, halves in described(store, CHUNK):
            values = zip(*(to_values(record) for record in records), strict=True)
            columns = dict(zip((*COLUMNS, *CONTENT), map(list, values), strict=True))
            flat = arrow.array(np.asarray(halves, np.float16).reshape(-1))
            columns["descriptor"] = arrow.FixedSizeListArray.from_arrays(flat, store.model.dim)
            writer.write_table(arrow.table(columns, schema=schema))
            done += len(records)
            progress("exporting", done, total)
    return done


class ParquetRecords:
    """The records of a file that `write` wrote, or that somebody else made in its form.

    Raises:
        BadInput: it is no Parquet, or lacks what a map needs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        arrow, parquet = optional("pyarrow"), optional("pyarrow.parquet")
        if not path.is_file():
            raise BadInput(f"There is no file {path}. Check the path.")
        try:
            self._file = parquet.ParquetFile(path)
        except (arrow.ArrowException, OSError) as error:
            raise BadInput(f"{path} is no Parquet file that can be read ({_first_line(error)}).") from None
        about = (self._file.schema_arrow.metadata or {}).get(b"viewfix")
        found = set(self._file.schema_arrow.names)
        missing = [name for name in ("id", "file", "lat", "lon", "descriptor") if name not in found]
        if about is None or missing:
            lacks = (
                f"has no column {', '.join(missing)}" if missing else "does not say of which model its descriptors are"
            )
            raise BadInput(
                f"{path} {lacks}, so it cannot become a map as it is. Take one that viewfix export wrote, "
                f"or embed the photos that it names: viewfix build NEW.map {path}"
            )
        self.model, self.identity = _about(path, about)
        self._columns = [name for name in (*COLUMNS, *CONTENT, "descriptor") if name in found]

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def chunks(self, after: int = 0) -> Iterator[tuple[int, list[Record], Halves, list[Skipped]]]:
        """Batches above line `after`: the last line, records with (N, dim) float16, and what cannot be used, and why.

        Raises:
            BadInput: the file is damaged, or a column is of another kind.
        """
        arrow = optional("pyarrow")
        line = 0
        try:
            for batch in self._file.iter_batches(CHUNK, columns=self._columns):
                line += batch.num_rows
                if line <= after:
                    continue
                skip = max(0, after - (line - batch.num_rows))
                yield (line, *self._read(batch.slice(skip), line - batch.num_rows + skip))
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise BadInput(
                f"{self.path} is damaged after line {line} ({_first_line(error)}). Export it again."
            ) from None

    def _read(self, batch: Any, before: int) -> tuple[list[Record], Halves, list[Skipped]]:
        columns = {name: batch.column(name).to_pylist() for name in self._columns if name != "descriptor"}
        vectors, whole = _vectors(batch.column("descriptor"), self.model.dim)
        records: list[Record] = []
        kept: list[int] = []
        skipped: list[Skipped] = []
        for at in range(batch.num_rows):
            values = {name: columns[name][at] for name in columns}
            try:
                if not whole[at]:
                    raise BadInput(f"its descriptor is not {self.model.dim} finite numbers")
                records.append(_record(values, vectors[at]))
                kept.append(at)
            except (BadInput, TypeError, ValueError) as error:
                name = str(values.get("id") or f"line {before + at + 1} of {self.path.name}")
                skipped.append(Skipped(name, _first_line(error)))
        return records, vectors[kept], skipped


def _about(path: Path, text: bytes) -> tuple[ModelIdentity, str]:
    """The model, and what tells this file from another one."""
    try:
        about = json.loads(text)
        if not isinstance(about["model"], dict):  # of viewfix 0.1.0: the dimension is that of the column
            parquet = optional("pyarrow.parquet")
            dim = int(parquet.read_schema(path).field("descriptor").type.list_size)
            about |= {"model": {"name": about["model"], "fingerprint": about["fingerprint"], "dim": dim}}
        model = ModelIdentity(**about["model"])
        if not (isinstance(model.name, str) and isinstance(model.fingerprint, str) and int(model.dim) > 0):
            raise ValueError("its model is no model")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} does not say of which model its descriptors are ({_first_line(error)}).") from None
    stat = path.stat()
    return model, f"parquet {about.get('map_id')} {stat.st_size} {stat.st_mtime_ns}"


def _vectors(column: Any, dim: int) -> tuple[Halves, npt.NDArray[np.bool_]]:
    """(N, dim) float16, and (N,) bool: which of them are whole; nulls, other lengths and NaN are not."""
    lengths = np.asarray(column.value_lengths().fill_null(0)) if hasattr(column, "value_lengths") else None
    if lengths is None or bool((lengths == dim).all()) and not column.null_count:
        flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
        if flat.size == len(column) * dim:
            halves = flat.reshape(-1, dim).astype(np.float16)
            wide = halves.astype(np.float32)
            squares = np.einsum("ij,ij->i", wide, wide)
            return halves, np.isfinite(squares) & (np.abs(squares - 1) < 0.02)
    halves = np.zeros((len(column), dim), np.float16)
    whole = np.zeros(len(column), bool)
    for at, numbers in enumerate(column.to_pylist()):
        if numbers is not None and len(numbers) == dim and None not in numbers:
            halves[at] = numbers
            length = float(np.linalg.norm(halves[at].astype(np.float32)))
            whole[at] = abs(length - 1) < 0.01
    return halves, whole


def _record(values: dict[str, Any], half: Halves) -> Record:
    photo_id, source = values["id"], values["file"]
    if not isinstance(photo_id, str) or not photo_id or not isinstance(source, str):
        raise BadInput("it has no id, or names no file")
    if values["lat"] is None or values["lon"] is None:
        raise BadInput("it has no position")
    at = Position(float(values["lat"]), float(values["lon"]), values.get("radius_m"))
    taken_at = None if values.get("taken_at") is None else datetime.fromisoformat(values["taken_at"])
    heading = values.get("heading_deg")
    photo = Photo(photo_id, source, at, heading, taken_at, values.get("attribution"), values.get("licence"))
    # Of viewfix 0.1.0 there is none: no photo has this one, so that a build with the photos describes them anew.
    content = values.get("content_hash") or f"unknown-{hash_of(half)}"
    return Record(photo, content, values.get("content_hint"))


def hash_of(half: Halves) -> str:
    return hashlib.blake2b(half.tobytes(), digest_size=12).hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
