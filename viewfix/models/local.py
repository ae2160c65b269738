"""Local features of a photo, and matches between two photos: XFeat and LighterGlue.

Both ship with viewfix and run in ONNX Runtime; viewfix/train/local.py made the files.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .catalogue import SHIPPED
from .onnx import session
from .preprocessing import Preprocessing

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Matcher = Literal["fast", "accurate"]
"""How features are matched: as mutual nearest neighbours, or by LighterGlue, which uses all features of both photos."""

Floats = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]

DIM = 64
COUNT = 512
"""Features kept for a photo. With twice as many, LighterGlue takes three times as long."""

SEEN = Preprocessing(sizing="area", width_px=608, height_px=608, longest_aspect=2.0)
"""The preprocessing for XFeat. Photos of 400 px are enlarged, which gives denser features and more matches."""

LEAST_COSINE = 0.5
LEAST_PROBABILITY = 0.1
FORMAT = 1
_HEAD = struct.Struct("<BHHH")
_STEPS = 250.0
"""Descriptors are stored in steps of 1/250, up to 0.508; larger values are very rare in unit vectors of 64."""


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """The corners of one photo, strongest first.

    `keypoints` (N, 2) float32, x and y in [0, 1] of its width and height; `descriptors` (N, 64) float32 of
    length 1; `width_px` and `height_px` are those of the upright photo.
    """

    keypoints: Floats
    descriptors: Floats
    width_px: int
    height_px: int

    def __len__(self) -> int:
        return len(self.keypoints)

    def points_px(self, longest_px: float) -> npt.NDArray[np.float64]:
        """(N, 2) float64 x, y in pixels, with the photo scaled to this longer side."""
        scale = longest_px / max(self.width_px, self.height_px)
        return self.keypoints.astype(np.float64) * [self.width_px * scale, self.height_px * scale]

    def pack(self) -> bytes:
        """Encode the features for the map, 68 bytes each."""
        points = np.round(np.clip(self.keypoints, 0, 1) * 65535).astype("<u2")
        numbers = np.clip(np.round(self.descriptors * _STEPS), -127, 127).astype(np.int8)
        head = _HEAD.pack(FORMAT, len(self), min(self.width_px, 65535), min(self.height_px, 65535))
        return head + points.tobytes() + numbers.tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> LocalFeatures:
        """Read the output of `pack`; BadInput for anything else."""
        form, count, width_px, height_px = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (0, 0, 0, 0)
        if form != FORMAT or not (width_px and height_px) or len(data) != _HEAD.size + count * (4 + DIM):
            raise BadInput(f"{len(data)} bytes are not the local features of a photo. Verify without the cache.")
        points = np.frombuffer(data, "<u2", 2 * count, _HEAD.size).reshape(count, 2)
        numbers = np.frombuffer(data, np.int8, DIM * count, _HEAD.size + 4 * count).reshape(count, DIM)
        descriptors = numbers.astype(np.float32)
        descriptors /= np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
        return cls((points / 65535).astype(np.float32), descriptors, width_px, height_px)


class LocalModel:
    """XFeat and LighterGlue, loaded when first used. Thread-safe. `threads`: cores for one photo or pair."""

    def __init__(self, *, threads: int = 1, folder: Path = SHIPPED) -> None:
        self._threads = threads
        self._extractor_file, self._matcher_file = folder / "xfeat.onnx", folder / "lighterglue.onnx"

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the extractor and its preprocessing. Features with another fingerprint cannot be matched."""
        content = self._extractor_file.read_bytes() + repr((SEEN, COUNT, FORMAT)).encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    @functools.cached_property
    def _extractor(self) -> InferenceSession:
        return _session(self._extractor_file, self._threads)

    @functools.cached_property
    def _matcher(self) -> InferenceSession:
        return _session(self._matcher_file, self._threads)

    def load(self) -> None:
        """Load both networks now instead of with the first photo."""
        _ = self._extractor, self._matcher

    def extract(self, picture: npt.NDArray[np.uint8]) -> LocalFeatures:
        """At most COUNT features of an upright (H, W, 3) uint8 RGB picture; none if it has no corners."""
        height_px, width_px = picture.shape[:2]
        pixels = SEEN.apply(picture)
        keypoints, scores, descriptors = self._extractor.run(None, {"pixels": pixels})
        kept = np.flatnonzero((scores > 0) & np.isfinite(descriptors).all(1))[:COUNT]
        seen = np.array([pixels.shape[2], pixels.shape[1]], np.float32)
        return LocalFeatures(keypoints[kept] / seen, descriptors[kept], width_px, height_px)

    def match(self, a: LocalFeatures, b: LocalFeatures, matcher: Matcher) -> Pairs:
        """(M, 2) int64: pairs of indices into `a` and `b` that may show the same point."""
        if min(len(a), len(b)) < 2:
            return np.empty((0, 2), np.int64)
        partner, trusted = self._nearest(a, b) if matcher == "fast" else self._glued(a, b)
        at = np.flatnonzero(trusted)
        return np.stack([at, partner[at]], axis=1)

    @staticmethod
    def _nearest(a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, npt.NDArray[np.bool_]]:
        cosines = a.descriptors @ b.descriptors.T
        partner, back = cosines.argmax(1), cosines.argmax(0)
        at = np.arange(len(a))
        return partner, (back[partner] == at) & (cosines[at, partner] >= LEAST_COSINE)

    def _glued(self, a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, npt.NDArray[np.bool_]]:
        given = {
            "keypoints_a": _centred(a),
            "descriptors_a": a.descriptors,
            "keypoints_b": _centred(b),
            "descriptors_b": b.descriptors,
        }
        partner, probability = self._matcher.run(None, given)
        return partner, probability > LEAST_PROBABILITY


@functools.cache
def shared() -> LocalModel:
    """The local model that all open maps of this process share, so that each further map costs no memory for it."""
    return LocalModel()


def _centred(features: LocalFeatures) -> Floats:
    """Keypoints from the middle of the photo, its longer side from -1 to 1."""
    sides = np.array([features.width_px, features.height_px], np.float32)
    return np.asarray((2 * features.keypoints - 1) * sides / sides.max(), np.float32)


def _session(path: Path, threads: int) -> InferenceSession:
    return session(path.read_bytes(), path, threads)
