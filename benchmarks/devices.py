"""Photos a second and agreement of descriptors: a device beside the CPU, in one run.

    python benchmarks/devices.py openvino ../shared/data/cambridge/train/map --model lite0-refined-512

For each device: the least cosine to the CPU's descriptors, and photos a second with decoding (`describe`, as a build
does it) and without (pictures in memory, batches as the model likes them). The better of two rounds each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from viewfix import photos
from viewfix.embed.describe import Described, Pending, describe
from viewfix.models import catalogue
from viewfix.models.devices import DEVICES, set_device
from viewfix.types import Photo, Position


def best_s(work: Callable[[], object], rounds: int = 2) -> float:
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", choices=DEVICES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--photos", type=int, default=128)
    asked = parser.parse_args()
    files = sorted(asked.folder.rglob("*.jpg"))[: asked.photos]
    pending = [Pending(Photo(str(i), str(file), Position(0, 0))) for i, file in enumerate(files)]
    reference = None
    for device in ("cpu", asked.device):
        set_device(device)
        model = catalogue.load(asked.model, threads=1)
        found = np.stack([each.descriptor for each in describe(pending, model) if isinstance(each, Described)])
        reference = found if reference is None else reference
        pictures = [photos.load(file, least_side_px=model.least_side_px) for file in files]
        whole = best_s(lambda model=model: list(describe(pending, model)))
        alone = best_s(lambda model=model, pictures=pictures: model.embed(pictures))
        least = (found * reference).sum(1).min()
        print(
            f"{getattr(model, 'device', 'cpu'):<9} {model.name}: {len(files) / whole:6.1f} photos/s with decoding, "
            f"{len(files) / alone:6.1f} in memory by one caller, least cosine to the CPU {least:.5f}"
        )


if __name__ == "__main__":
    main()
