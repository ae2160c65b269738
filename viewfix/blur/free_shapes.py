"""The few changes to an ONNX file that CenterFace needs, made on its bytes.

The published file accepts only ten pictures of 32 x 32 pixels, and lists its weights as inputs. The package onnx could
change both, but weighs more than the rest of the core; the wire format of protocol buffers is simple enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import BadInput
from ..protobuf import BYTES, DamagedMessage, fields

Field = tuple[int, int, bytes]
"""The number of a field, its wire type, and its content (of a varint: its bytes)."""

# Numbers of fields in onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
MODEL_GRAPH = 7
GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 5, 11, 12
TENSOR_NAME, VALUE_NAME, VALUE_TYPE = 8, 1, 2
TYPE_TENSOR, TENSOR_SHAPE, SHAPE_DIM, DIM_PARAM = 1, 2, 1, 2


def with_free_shapes(model: bytes) -> bytes:
    """A model whose inputs and outputs take any shape of the same rank, and whose weights are no inputs.

    Raises:
        BadInput: these bytes are not an ONNX model.
    """
    try:
        return b"".join(
            _written(number, kind, _free_graph(content) if number == MODEL_GRAPH else content)
            for number, kind, content in _fields(model)
        )
    except DamagedMessage:
        raise BadInput(
            f"The {len(model)} bytes of the face detector are not an ONNX model. Install it again."
        ) from None


def _free_graph(graph: bytes) -> bytes:
    parts = list(_fields(graph))
    weights = {_first(content, TENSOR_NAME) for number, _, content in parts if number == GRAPH_INITIALIZER}
    kept = []
    for number, kind, content in parts:
        if number == GRAPH_INPUT and _first(content, VALUE_NAME) in weights:
            continue
        kept.append(_written(number, kind, _free_value(content) if number in (GRAPH_INPUT, GRAPH_OUTPUT) else content))
    return b"".join(kept)


def _free_value(value: bytes) -> bytes:
    """A described value, each of its dimensions named instead of fixed."""
    name = _first(value, VALUE_NAME)

    def free(content: bytes, path: tuple[int, ...]) -> bytes:
        written = []
        for at, (number, kind, inner) in enumerate(_fields(content)):
            if number != path[0]:
                written.append(_written(number, kind, inner))
            elif len(path) > 1:
                written.append(_written(number, kind, free(inner, path[1:])))
            else:
                written.append(_written(number, BYTES, _written(DIM_PARAM, BYTES, b"%s_%d" % (name, at))))
        return b"".join(written)

    return free(value, (VALUE_TYPE, TYPE_TENSOR, TENSOR_SHAPE, SHAPE_DIM))


def _first(message: bytes, wanted: int) -> bytes:
    return next((content for number, _, content in _fields(message) if number == wanted), b"")


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of a message, in their order."""
    return ((number, kind, message[start:end]) for number, kind, start, end in fields(message))


def _written(number: int, kind: int, content: bytes) -> bytes:
    head = _number(number << 3 | kind)
    return head + (_number(len(content)) if kind == BYTES else b"") + content


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)
