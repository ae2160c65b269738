"""A PyTorch network becomes a self-describing .onnx file, in float32 and in int8."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from ..models.onnx import FORMAT, METADATA_KEY
from ..models.preprocessing import Preprocessing

OPSET = 18
INT8_OPS = ("Conv", "Add", "Clip")
"""Where int8 pays: the backbone. NetVLAD and the normalisations stay float, they cost next to nothing."""

PIXELS, PIXELS_FLOAT, DESCRIPTOR = "pixels", "normalised", "descriptor"


def to_onnx(network: nn.Module, *, side_px: int = 320) -> onnx.ModelProto:
    """The network as it is: input (B, 3, H, W) float32 normalised, output (B, dim); B, H and W free."""
    example = torch.zeros(1, 3, side_px, side_px)
    free = ({0: "batch", 2: "height", 3: "width"},)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own insides
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=[PIXELS_FLOAT],
            output_names=[DESCRIPTOR],
            dynamic_shapes=free,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with paddings and batch normalisations folded into the convolutions."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.onnx"), Path(folder, "out.onnx")
        onnx.save(model, source)
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        return onnx.load(target)


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: Iterable[npt.NDArray[np.float32]]) -> None:
        self.pictures: Iterator[npt.NDArray[np.float32]] = iter(pictures)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        picture = next(self.pictures, None)
        return None if picture is None else {PIXELS_FLOAT: picture}


def quantised(
    model: onnx.ModelProto,
    pictures: Iterable[npt.NDArray[np.float32]],
    *,
    mean: float,
    std: float,
) -> onnx.ModelProto:
    """A folded model with an int8 backbone and int8 whitening weights.

    Args:
        model: as `folded` gives it.
        pictures: (1, 3, H, W) float32 normalised, to find the range of every activation.
        mean, std: of the input, (pixel - mean) / std: its quantisation is that of the pixels, and loses nothing.
    """
    # 7-bit weights: a CPU with AVX2 and no VNNI adds pairs of products in 16 bits, which would saturate.
    exact = {
        PIXELS_FLOAT: [
            {
                "quant_type": QuantType.QUInt8,
                "scale": np.array(1 / std, np.float32),
                "zero_point": np.array(mean, np.uint8),
            }
        ]
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.onnx"), Path(folder, "out.onnx")
        onnx.save(model, source)
        quantize_static(
            str(source),
            str(target),
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(INT8_OPS),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"TensorQuantOverrides": exact},
        )
        return onnx.load(target)


def with_pixels(model: onnx.ModelProto, *, mean: int, std: float) -> onnx.ModelProto:
    """The same model, taking (B, H, W, 3) uint8 pixels as they are and normalising them itself.

    (pixel - mean) / std with a whole mean is what DequantizeLinear computes, so the
    normalisation is one node, and none at all where the network goes on in int8.
    """
    graph = model.graph
    nodes = [
        helper.make_node("Transpose", [PIXELS], [f"{PIXELS}_nchw"], perm=[0, 3, 1, 2]),
    ]
    quantise = next((n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == PIXELS_FLOAT), None)
    if quantise is None:
        constants = [
            helper.make_tensor("pixel_scale", TensorProto.FLOAT, [], [1 / std]),
            helper.make_tensor("pixel_mean", TensorProto.UINT8, [], [mean]),
        ]
        graph.initializer.extend(constants)
        nodes.append(
            helper.make_node("DequantizeLinear", [f"{PIXELS}_nchw", "pixel_scale", "pixel_mean"], [PIXELS_FLOAT])
        )
    else:
        nodes[0].output[0] = quantise.output[0]
        graph.node.remove(quantise)
    shape: list[str | int | None] = ["batch", "height", "width", 3]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, shape))
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    return model


def int8_weights(model: onnx.ModelProto, *, least_numbers: int = 100_000) -> onnx.ModelProto:
    """The same with large float matrices stored as int8, one scale for each output: a quarter of the size.

    The product stays a float one; ONNX Runtime unpacks the weights once, when it loads the file.
    """
    for tensor in [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.ndim != 2 or weights.size < least_numbers:
            continue
        # The exporter leaves Gemm(transB=1) or MatMul: outputs are rows or columns, told by the shorter side.
        axis = int(np.argmin(weights.shape))
        scale = np.abs(weights).max(axis=1 - axis, keepdims=True) / 127
        name, rounded = tensor.name, np.round(weights / scale).astype(np.int8)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.extend(
            [
                onnx.numpy_helper.from_array(rounded, f"{name}_int8"),
                onnx.numpy_helper.from_array(scale.reshape(-1).astype(np.float32), f"{name}_scale"),
            ]
        )
        unpack = helper.make_node("DequantizeLinear", [f"{name}_int8", f"{name}_scale"], [name], axis=axis)
        model.graph.node.insert(0, unpack)
    return model


def save(model: onnx.ModelProto, path: Path, *, about: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> None:
    """Writes the file with its description, as viewfix/models/onnx.py reads it."""
    Preprocessing.read(preprocessing)  # refuse to write what cannot be read
    description = {"format": FORMAT, **about, "preprocessing": dict(preprocessing)}
    del model.metadata_props[:]
    helper.set_model_props(model, {METADATA_KEY: json.dumps(description, ensure_ascii=False, sort_keys=True)})
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]  # the exporter leaves paths and stack traces of this machine there
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
