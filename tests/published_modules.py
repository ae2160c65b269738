"""What the published modules compute: small cases in tests/goldens, larger ones beside the real photos."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from drawn import SHARED

HERE = Path(__file__).parent / "goldens"


def golden(case: str) -> dict[str, np.ndarray]:
    """`input`, `output` and `state/NAME` of one case; skips the test where only the larger files have it."""
    for folder in (HERE, SHARED.parent / "goldens"):
        path = folder / f"{case}.npz"
        if path.exists():
            with np.load(path) as file:
                return dict(file)
    pytest.skip(f"{case}.npz is one of the larger cases, which are not in the repository")


def state_of(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a case, by their published names."""
    return {key.removeprefix("state/"): value for key, value in arrays.items() if key.startswith("state/")}


def published_shapes(checkpoint: str) -> dict[str, list[int]]:
    """Name and shape of every tensor in a published checkpoint."""
    every = json.loads(gzip.decompress((HERE / "published_keys.json.gz").read_bytes()))[checkpoint]
    return dict(every.get("keys", every))
