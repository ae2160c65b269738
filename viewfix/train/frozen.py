"""Run frozen stages as fast as the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from ..embed.describe import cores
from . import export

WORTH_IT = 300
"""The number of pictures from which the seconds for an export are worth it."""

Features = Callable[[Tensor], Any]


def runner(frozen: nn.Module, example: Tensor, *, pictures: int, device: torch.device) -> Features:
    """A function from a (B, 3, H, W) float32 batch to its features.

    On a CPU the stages run in ONNX Runtime, one picture on each core, several times as fast as PyTorch. PyTorch is
    used on GPUs, for stages with several output tensors, and for few pictures.
    """
    frozen = frozen.eval().to(device)
    if device.type != "cpu":
        return torch.inference_mode()(lambda batch: frozen(batch.to(device)))
    with torch.inference_mode():
        single = isinstance(frozen(example[:1]), Tensor)
    if not single:
        return torch.inference_mode()(lambda batch: frozen(batch))
    if pictures < WORTH_IT:
        return torch.inference_mode()(lambda batch: torch.cat([frozen(each[None]) for each in batch]))
    return _onnx(frozen, example)


def _onnx(frozen: nn.Module, example: Tensor) -> Features:
    two = torch.cat([example[:1], example[:1]])
    names = (export.NORMALISED, export.FEATURES)
    graph = export.folded(export.to_onnx(frozen, two, names=names, any_size=False))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="frozen")

    def features(batch: Tensor) -> Tensor:
        def one(i: int) -> np.ndarray[Any, Any]:
            (found,) = session.run(None, {export.NORMALISED: batch[i : i + 1].numpy()})
            return np.asarray(found)

        return torch.from_numpy(np.concatenate(list(pool.map(one, range(len(batch))))))

    return features
