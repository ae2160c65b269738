"""Measure how fast this machine describes and locates photos, in a few seconds, and say what would make it faster."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..embed.describe import cores
from ..locate import geometry
from ..models import catalogue
from ..models.devices import available_devices, chosen_device
from ..models.local import shared
from ..models.model import Model
from ..photos import load
from ..search.hamming import has_faiss

FOR_S = 2.0
"""Seconds for which photos are described; a slower machine finishes those that it began."""

SIDE_PX = 960
TIMES = 3
VERIFIED = 4
"""Candidates of a verified query, about as many as `locate` compares where similarity leaves a doubt."""


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """The speed of one machine.

    `photos_per_s` are decoded and described by all `cores`. `locate_ms` is one photo by similarity, and
    `locate_verified_ms` one whose candidates are verified too, in a map with local features; None if this machine
    cannot verify. `load` is the number of programs that want a core at the moment; None where the system does not say.
    """

    photos_per_s: float
    locate_ms: float
    locate_verified_ms: float | None
    cores: int
    load: float | None


def measure_machine(model: Model | None = None) -> MachineSpeed:
    """Describe and compare drawn photos with the default model, or another, for about five seconds."""
    model = model or catalogue.load(None, threads=1)
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    files = [_drawn(seed) for seed in range(8)]
    model.embed([load(files[0], least_side_px=model.least_side_px)])  # loads what is loaded once
    one_s = _median_s(lambda: model.embed([load(files[0], least_side_px=model.least_side_px)]))
    verified_ms = None
    if geometry.available():
        local, pictures = shared(), [load(each) for each in files[:2]]
        a, b = (local.extract(each) for each in pictures)
        local.match(a, b, "accurate")
        extract_s = _median_s(lambda: local.extract(pictures[0]))
        pair_s = _median_s(lambda: local.match(a, b, "accurate"))
        verified_ms = 1000 * (one_s + extract_s + VERIFIED * pair_s)
    return MachineSpeed(_described_per_s(model, files), 1000 * one_s, verified_ms, cores(), load_before)


def faster(speed: MachineSpeed, devices: Sequence[str] | None = None) -> list[str]:
    """What would make this machine faster, one line each; the most effective first."""
    found = []
    more = [each for each in (available_devices() if devices is None else devices) if each not in ("cpu", "auto")]
    if more and chosen_device() == "cpu":
        found.append(f"an accelerator is there: use --device {more[0]}")
    if speed.load is not None and speed.load > 1.5 * speed.cores:
        found.append(
            f"other programs use the {speed.cores} cores (load {speed.load:.0f}): measure again when they rest"
        )
    if (whole := os.cpu_count() or speed.cores) > speed.cores:
        found.append(f"only {speed.cores} of {whole} cores may be used: raise the limit of the container or of taskset")
    if speed.locate_verified_ms is None:
        found.append("candidates are not verified, because PoseLib is missing: pip install 'viewfix[verify]'")
    else:
        found.append(
            "verification reads the photos of the map again: viewfix build --local-features keeps what it needs"
        )
    if not has_faiss():
        found.append("maps of more than 300,000 photos: pip install 'viewfix[large]' searches them in milliseconds")
    if not more:
        found.append("many photos at once: a GPU (docs/devices.md), or many machines with --ray (docs/cluster.md)")
    return found


def _drawn(seed: int) -> bytes:
    """A JPEG with edges and texture, as expensive to decode and to match as a photo."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX * 3 // 4), Image.Resampling.NEAREST)
    noisy = np.asarray(picture, np.int16) + rng.integers(-12, 13, (SIDE_PX * 3 // 4, SIDE_PX, 3), dtype=np.int16)
    file = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()


def _described_per_s(model: Model, files: Sequence[bytes]) -> float:
    def one(number: int) -> npt.NDArray[np.float32]:
        return model.embed([load(files[number % len(files)], least_side_px=model.least_side_px)])

    done, began_s = 0, time.monotonic()
    with ThreadPoolExecutor(cores(), thread_name_prefix="measure") as pool:
        while done == 0 or time.monotonic() - began_s < FOR_S:
            done += len(list(pool.map(one, range(4 * cores()))))
    return done / (time.monotonic() - began_s)


def _median_s(run: Callable[[], object]) -> float:
    taken_s = []
    for _ in range(TIMES):
        began_s = time.monotonic()
        run()
        taken_s.append(time.monotonic() - began_s)
    return float(np.median(taken_s))
