"""The model of a map as a file that a phone can run, with the facts that the app needs about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import BadInput
from ..models.catalogue import DEFAULT
from ..models.model import Model
from ..models.onnx import OnnxModel
from ..protobuf import fields, varint
from ..store.address import Address

LARGEST_BYTES = 64_000_000
"""The largest model for a phone's browser."""

KEPT_BITS = 6
"""The bits that are kept of the ten in a float16's fraction. Similarities change by 0.0002, less than by the eight bits
of the photos' descriptors, and the default model takes 4.2 MB instead of 5.6 (docs/phone.md)."""

LEAST_WEIGHTS = 32_768

_FLOAT16 = 10  # TensorProto.DataType
_GRAPH, _INITIALIZER, _TYPE, _RAW = 7, 5, 2, 9  # fields of ModelProto, GraphProto, TensorProto


@dataclass(frozen=True, slots=True)
class PackedModel:
    """The model of a pack: `content` is the .onnx file, `about` the facts that the app needs about it."""

    content: bytes
    about: dict[str, Any]


def packed_model(model: Model, place: Address) -> PackedModel:
    """The model of the map at `place`, its large float16 weights rounded.

    Raises:
        BadInput: it is not an .onnx file, or too large for a phone.
    """
    if not isinstance(model, OnnxModel):
        raise BadInput(
            f"The model {model.name} of this map is not an .onnx file, so no browser can run it. "
            f"Change the map to one that browsers run: viewfix migrate {place.typed} --model {DEFAULT}"
        )
    content = model.path.read_bytes()
    if len(content) > LARGEST_BYTES:
        raise BadInput(
            f"The model {model.name} of this map is {len(content) / 1e6:.0f} MB, more than the "
            f"{LARGEST_BYTES / 1e6:.0f} MB that a phone's browser can hold. "
            f"Change the map to a small one: viewfix migrate {place.typed} --model {DEFAULT}"
        )
    about = {
        "name": model.name,
        "fingerprint": model.fingerprint,
        "dim": model.dim,
        "kept_bits": KEPT_BITS,
        "licence": model.about.get("licence"),
        "preprocessing": asdict(model.preprocessing),
    }
    return PackedModel(rounded(content), about)


def rounded(content: bytes) -> bytes:
    """An .onnx file whose large float16 tensors keep KEPT_BITS of their fraction, to the nearest even."""
    result = bytearray(content)
    drop = 10 - KEPT_BITS
    for start, end in _float16_weights(content):
        bits = np.frombuffer(content[start:end], "<u2").astype(np.uint32)
        is_finite = (bits & 0x7C00) != 0x7C00
        near = (bits + (1 << (drop - 1)) - 1 + ((bits >> drop) & 1)) >> drop << drop
        # A carry into the exponent is correct, but it must not reach infinity.
        kept = np.where(is_finite & ((near & 0x7C00) != 0x7C00), near, bits)
        result[start:end] = kept.astype("<u2").tobytes()
    return bytes(result)


def _float16_weights(content: bytes) -> Iterator[tuple[int, int]]:
    """The start and end of the raw data of large float16 initializers in an .onnx file."""
    for field, _, start, end in fields(content):
        if field != _GRAPH:
            continue
        for inner, _, tensor, tensor_end in fields(content, start, end):
            if inner != _INITIALIZER:
                continue
            parts = {number: (a, b) for number, _, a, b in fields(content, tensor, tensor_end)}
            kind = varint(content, parts[_TYPE][0])[0] if _TYPE in parts else 0
            if kind == _FLOAT16 and _RAW in parts and parts[_RAW][1] - parts[_RAW][0] >= 2 * LEAST_WEIGHTS:
                yield parts[_RAW]
