"""Conversion of descriptors between NumPy and PostgreSQL's binary halfvec, a whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Halves = npt.NDArray[np.float16]

_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"


def copy_lines(rows: Rows, halves: Halves) -> bytes:
    """(N,) rows and (N, dim) descriptors as the text of COPY … FROM STDIN (FORMAT binary): columns row and vector."""
    count, dim = halves.shape
    lines = np.zeros(
        count,
        dtype=[
            ("columns", ">i2"), ("row_bytes", ">i4"), ("row", ">i8"), ("vector_bytes", ">i4"),
            ("dim", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dim,)),
        ],
    )  # fmt: skip
    lines["columns"], lines["row_bytes"], lines["vector_bytes"], lines["dim"] = 2, 8, 4 + 2 * dim, dim
    lines["row"], lines["vector"] = rows, halves
    return _COPY_HEAD + lines.tobytes() + _COPY_END


def to_halves(vectors: Sequence[bytes], dim: int) -> Halves | None:
    """Convert N halfvecs of a binary cursor to (N, dim) float16; None if they have another length."""
    joined = b"".join(vectors)
    if len(joined) != len(vectors) * (4 + 2 * dim):
        return None
    table = np.frombuffer(joined, dtype=[("head", ">i2", (2,)), ("vector", ">f2", (dim,))])
    return table["vector"].astype("<f2")


def literal(vector: npt.NDArray[np.floating]) -> str:
    """One descriptor as the text of a halfvec. For a query: its candidates are compared again in full precision."""
    return "[" + ",".join(map(str, np.asarray(vector, np.float16).astype(np.float32).tolist())) + "]"
