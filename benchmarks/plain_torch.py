"""Compare the speed of describing photos by a plain PyTorch loop and by ONNX Runtime, with the same network and photos.

    python benchmarks/plain_torch.py [--photos FOLDER] [--count 200]

PyTorch runs the network of `viewfix train` in eager mode, one photo and 16 photos at a time, on all cores. Vocabulary
and whitening are random, which takes the same time. ONNX Runtime runs the shipped file: a thread on each core decodes
and embeds one photo after the other.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from viewfix.models import catalogue
from viewfix.models.onnx import OnnxModel
from viewfix.train.aggregators.refined_netvlad import RefinedNetVLAD
from viewfix.train.backbones.efficientnet_lite0 import MEAN, STD, EfficientNetLite0
from viewfix.train.network import Describer, Head

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cambridge" / "train" / "map"


def network(clusters: int, hidden: int, dim: int) -> Describer:
    """The default network with random weights."""
    backbone = EfficientNetLite0()
    whitening = torch.nn.Linear(clusters * backbone.channels, dim)
    return Describer(backbone, Head(RefinedNetVLAD(clusters, backbone.channels, hidden=hidden), whitening)).eval()


def plain_loop(files: Sequence[Path], describer: Describer, side_px: int, *, batch: int) -> float:
    """Photos per second: decode, resize, normalise and run the network, `batch` photos at a time."""
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(files), batch):
            pixels = []
            for file in files[start : start + batch]:
                with Image.open(file) as picture:
                    small = picture.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR)
                pixels.append(torch.from_numpy(np.array(small)).permute(2, 0, 1))
            describer((torch.stack(pixels).float() - MEAN) / STD)
    return len(files) / (time.perf_counter() - started)


def onnx_pool(files: Sequence[Path], model: OnnxModel, workers: int) -> float:
    """Photos per second with `workers` threads, each decoding and embedding one photo at a time."""

    def one(file: Path) -> None:
        with Image.open(file) as picture:
            model.embed([np.asarray(picture.convert("RGB"))])

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, files))
    return len(files) / (time.perf_counter() - started)


@click.command()
@click.option("--photos", default=PHOTOS, type=click.Path(path_type=Path, exists=True), show_default="cambridge/train")
@click.option("--count", default=200, show_default=True, help="Photos per measurement.")
@click.option("--rounds", default=3, show_default=True, help="Measurements of each; the median is printed.")
def main(photos: Path, count: int, rounds: int) -> None:
    """Print photos per second, decoding included."""
    files = sorted(photos.rglob("*.jpg"))[:count]
    alone, shared = (OnnxModel(catalogue.CATALOGUE[0].file, threads=n) for n in (1, None))
    recipe, cores = alone.about["recipe"], os.cpu_count() or 1
    describer = network(recipe["clusters"], recipe["hidden"], recipe["dim"])
    side_px = alone.preprocessing.width_px
    ways: dict[str, Callable[[], float]] = {
        "PyTorch, one by one": lambda: plain_loop(files, describer, side_px, batch=1),
        "PyTorch, 16 at a time": lambda: plain_loop(files, describer, side_px, batch=16),
        f"ONNX Runtime, {cores} threads, a core each": lambda: onnx_pool(files, alone, cores),
        "ONNX Runtime, one photo on all cores": lambda: onnx_pool(files, shared, 1),
        f"ONNX Runtime, {cores} threads sharing all cores": lambda: onnx_pool(files, shared, cores),
    }
    # Alternate, so that other work on the machine affects all measurements equally.
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            seen[name].append(run())
    for name, rates in seen.items():
        click.echo(f"{name:45s} {statistics.median(rates):6.1f} photos/s  (best {max(rates):.1f})")


if __name__ == "__main__":
    main()
