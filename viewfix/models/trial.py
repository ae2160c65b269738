"""Checks of a custom model file before it is used: size, external data, and a first picture in a separate process."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np

from ..errors import BadInput, ViewfixError
from ..files import cache_folder, write_whole
from ..protobuf import DamagedMessage, values
from .onnx import OnnxModel, read

MAX_BYTES = 2**31 - 1
"""A single ONNX file cannot be larger."""
TRIAL_S = 120.0
"""Time limit for loading a model and describing one picture. The largest published models take a few seconds."""
MEMORY_BYTES = 16 * 2**30
"""Address space of the trial, where the system can limit it."""
REFUSED = 3

MESSAGES = {  # of onnx.proto: the fields that lead to tensors, and the message that each holds
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor whose numbers are in another file."""
DEPTH = 64


def check(path: Path) -> None:
    """Refuse a custom model file that is too large, reads other files, or does not describe a picture in time.

    A file that passed is remembered by its checksum, so the trial runs once.

    Raises:
        BadInput: the file is not a usable model; the message says why.
    """
    with contextlib.suppress(OSError):  # `read` reports it
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is larger than 2 GB, the most that one ONNX file can hold. Use a smaller model.")
    content = read(path)
    if _has_external_data(memoryview(content), "model"):
        raise BadInput(
            f"{path} reads its weights from other files (external data), which is not allowed. "
            "Save the model as a single file."
        )
    passed = cache_folder("models") / f"{hashlib.sha256(content).hexdigest()}.passed"
    if passed.exists():
        return
    _try(path)
    with contextlib.suppress(OSError):  # without a cache the trial runs each time
        passed.parent.mkdir(parents=True, exist_ok=True)
        write_whole(passed, "")


def _try(path: Path) -> None:
    command = [sys.executable, "-m", "viewfix.models.trial", str(path.absolute())]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRIAL_S, check=False)
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"{path} did not describe one picture within {TRIAL_S:.0f} s, so it is not used. Export it again, or "
            "use a smaller one."
        ) from None
    if ran.returncode == REFUSED:
        raise BadInput(ran.stdout.decode("utf-8", "replace").strip())
    if ran.returncode != 0:
        raise BadInput(
            f"{path} ended the process that tried it (exit code {ran.returncode}), so it is not used. Export it again."
        )


def _has_external_data(data: memoryview, kind: str, depth: int = 0) -> bool:
    """Whether a message of onnx.proto, or one inside it, names data in another file. Damaged data has none."""
    if depth > DEPTH:
        return True  # no real model is nested this deeply
    with contextlib.suppress(DamagedMessage):
        for field, value in values(data):
            if kind == "tensor" and field in (EXTERNAL_DATA, DATA_LOCATION) and value != 0:
                return True
            inner = MESSAGES[kind].get(field)
            if inner and isinstance(value, memoryview) and _has_external_data(value, inner, depth + 1):
                return True
    return False


def _main(path: Path) -> int:
    """The trial itself, in its own process: load the model and describe one picture."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
        OnnxModel(path, threads=1, device="cpu").embed([picture])
    except ViewfixError as error:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        print(error)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
