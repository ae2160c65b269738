"""Named arrays and a JSON object in one file; viewfix/web/phone/bundle.js reads it, docs/spec/pack.md defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geojson import to_json

MAGIC = b"VFKP"
START = 8
ALIGNED = 8  # a typed array of JavaScript begins at a multiple of the size of its numbers


def bundled(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Concatenate the magic, the length of the header, the header (JSON), and the arrays, little-endian."""
    offsets = [0] * len(arrays)
    while True:  # the header contains the offsets, which depend on its length
        header = _header(about, arrays, offsets)
        at, wanted = _aligned(START + len(header)), []
        for array in arrays.values():
            wanted.append(at)
            at = _aligned(at + array.nbytes)
        if wanted == offsets:
            break
        offsets = wanted
    content = bytearray(at)
    content[:START] = MAGIC + len(header).to_bytes(4, "little")
    content[START : START + len(header)] = header
    for offset, array in zip(offsets, arrays.values(), strict=True):
        content[offset : offset + array.nbytes] = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return bytes(content)


def _aligned(at: int) -> int:
    return -(-at // ALIGNED) * ALIGNED


def _header(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], offsets: list[int]) -> bytes:
    listed = [
        {"name": name, "kind": str(np.dtype(array.dtype)), "length": array.size, "offset": offset}
        for (name, array), offset in zip(arrays.items(), offsets, strict=True)
    ]
    return to_json({"about": dict(about), "arrays": listed}).encode()
