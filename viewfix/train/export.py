"""Export of PyTorch networks to self-describing .onnx files, in float32 and int8."""

from __future__ import annotations

import contextlib
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
from onnx import TensorProto, compose, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from ..files import write_whole
from ..models.onnx import FORMAT, METADATA_KEY
from ..models.preprocessing import Preprocessing

OPSET = 18
PIXELS, NORMALISED, FEATURES, DESCRIPTOR = "pixels", "normalised", "features", "descriptor"


def to_onnx(
    module: nn.Module, example: torch.Tensor, *, names: tuple[str, str], any_size: bool = True
) -> onnx.ModelProto:
    """Export a module with one input (B, C, H, W); B is dynamic, and H and W as well with `any_size`.

    `names` are those of its input and output.
    """
    free = {0: "batch", 2: "height", 3: "width"} if any_size else {0: "batch"}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _plain_attention():
        warnings.simplefilter("ignore")  # the exporter warns about its own insides
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=names[:1],
            output_names=names[1:],
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Without PyTorch's short cut for frozen transformer layers: one fused operation, which ONNX does not have."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def backbone_to_onnx(backbone: nn.Module) -> onnx.ModelProto:
    """Normalised pixels to a feature map, with paddings and batch normalisations folded into the convolutions."""
    return folded(to_onnx(backbone, torch.zeros(2, 3, 320, 320), names=(NORMALISED, FEATURES)))


def head_to_onnx(head: nn.Module, *, channels: int) -> onnx.ModelProto:
    """Feature map to descriptor; the large matrix of the whitening in 16 bits."""
    return half_weights(folded(to_onnx(head, torch.ones(2, channels, 20, 20), names=(FEATURES, DESCRIPTOR))))


def joined(backbone: onnx.ModelProto, head: onnx.ModelProto) -> onnx.ModelProto:
    """One model of two."""
    head = compose.add_prefix(head, "head/", rename_inputs=False, rename_outputs=False)
    head.ir_version = backbone.ir_version
    return compose.merge_models(backbone, head, io_map=[(FEATURES, FEATURES)])


def with_layer(path: Path, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """A model file with a linear layer, (dim', dim) and (dim',), after its first output; between rows of length 1.

    Its names tell how many layers were added before, so a model can be adapted again.
    """
    model = onnx.load(path)
    graph = model.graph
    prefix = f"adapted{sum(node.name.endswith('/layer') for node in graph.node)}"
    given, unit, mapped, found = graph.output[0].name, f"{prefix}/unit", f"{prefix}/mapped", f"{prefix}/{DESCRIPTOR}"
    graph.initializer.extend(
        [
            numpy_helper.from_array(weight.astype(np.float32), f"{prefix}/weight"),
            numpy_helper.from_array(bias.astype(np.float32), f"{prefix}/bias"),
        ]
    )
    layer = [unit, f"{prefix}/weight", f"{prefix}/bias"]
    graph.node.extend(
        [
            helper.make_node("LpNormalization", [given], [unit], axis=1, p=2),
            helper.make_node("Gemm", layer, [mapped], name=f"{prefix}/layer", transB=1),
            helper.make_node("LpNormalization", [mapped], [found], axis=1, p=2),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(found, TensorProto.FLOAT, ["batch", len(weight)]))
    return model


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
        return None if picture is None else {NORMALISED: picture}


def quantised(
    model: onnx.ModelProto, pictures: Iterable[npt.NDArray[np.float32]], *, float_convolutions: int
) -> onnx.ModelProto:
    """A folded backbone with weights and activations of 8 bits.

    Args:
        model: the output of `folded`.
        pictures: (1, 3, H, W) float32 normalised, to find the range of every activation.
        float_convolutions: so many at the start stay float: few numbers, and errors made there run through all layers.
    """
    # A CPU with AVX2 and no VNNI adds pairs of products in 16 bits; with 7-bit weights that
    # cannot overflow, and every machine computes the same. Depthwise kernels add in 32 bits
    # everywhere, and their few weights need the eighth bit most.
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    depthwise = [name for name in (node.input[1] for node in convolutions) if shapes[name][1] == 1 != shapes[name][2]]
    full = {name: [{"quant_type": QuantType.QInt8, "axis": 0, "reduce_range": False}] for name in depthwise}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.onnx"), Path(folder, "out.onnx")
        onnx.save(model, source)
        quantize_static(
            str(source),
            str(target),
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=[node.name for node in convolutions[:float_convolutions]],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"TensorQuantOverrides": full},
        )
        return onnx.load(target)


def with_pixels(model: onnx.ModelProto, *, mean: int, std: float) -> onnx.ModelProto:
    """The same model, taking (B, H, W, 3) uint8 pixels as they are.

    (pixel - mean) / std with a whole mean is what DequantizeLinear computes, so all of
    the normalisation is one node.
    """
    graph = model.graph
    graph.initializer.extend(
        [
            helper.make_tensor("pixel_scale", TensorProto.FLOAT, [], [1 / std]),
            helper.make_tensor("pixel_mean", TensorProto.UINT8, [], [mean]),
        ]
    )
    channels_first = f"{PIXELS}_nchw"
    graph.node.insert(0, helper.make_node("Transpose", [PIXELS], [channels_first], perm=[0, 3, 1, 2]))
    graph.node.insert(
        1, helper.make_node("DequantizeLinear", [channels_first, "pixel_scale", "pixel_mean"], [NORMALISED])
    )
    shape: list[str | int | None] = ["batch", "height", "width", 3]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, shape))
    return model


def half_weights(model: onnx.ModelProto, *, least_numbers: int = 100_000) -> onnx.ModelProto:
    """The same with large float matrices stored in 16 bits: half the size.

    ONNX Runtime casts them once, when it loads the file. As int8 they would be a quarter,
    but are then unpacked for every picture.
    """
    for tensor in [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]:
        weights = numpy_helper.to_array(tensor)
        if weights.ndim != 2 or weights.size < least_numbers:
            continue
        stored = f"{tensor.name}_16"
        cast = helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(weights.astype(np.float16), stored))
        model.graph.node.insert(0, cast)
    return model


def save(model: onnx.ModelProto, path: Path, *, about: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> None:
    """Write the file with its description, as viewfix/models/onnx.py reads it."""
    Preprocessing.read(preprocessing)  # refuse to write what cannot be read
    description = {"format": FORMAT, **about, "preprocessing": dict(preprocessing)}
    tidied(model)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(description, ensure_ascii=False, sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, model.SerializeToString())


def tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, checked, without the paths and stack traces of this machine that the exporter leaves in it."""
    del model.metadata_props[:]
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    onnx.checker.check_model(model)
    return model
