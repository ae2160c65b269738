"""The state of a track as a value: saved as bytes, sent to a client, and read by any process that has the map."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadInput
from .belief import DIRECTIONS, Belief, unknown
from .look import NO_LOOK, Look
from .modes import MODES, Mode
from .places import Places


class BadTrack(BadInput):
    """A frame or a state that does not fit the track. Its message names neither files nor maps."""


MAGIC = b"vft2"
MOST_BYTES = 1 << 20
MOST_UNPACKED = 16 << 20


@dataclass(frozen=True)
class TrackState:
    """What a track knows: which map and mode it belongs to, the time of its last frame in seconds, and the belief.

    `time_s` is None before the first frame. `frames` counts the frames. `look` is what they have in common.
    """

    map_id: str
    mode: str
    belief: Belief
    time_s: float | None = None
    frames: int = 0
    look: Look = NO_LOOK

    @classmethod
    def new(cls, map_id: str, mode: Mode) -> TrackState:
        """The state before the first frame."""
        return cls(map_id, mode.name, unknown(len(mode.speeds_mps)))


def to_bytes(state: TrackState, places: Places) -> bytes:
    """Save a state. Places are stored as cells of the ground, so that a map may grow between two frames.

    The layout, before zlib: a line of JSON, then little-endian arrays: (n,) int64 cells, (n, DIRECTIONS) float32
    views, for `on` and then `off` (k,) uint32 positions of the values above 0 and (k,) float32 values, and the (dim,)
    float32 sum of the look. The belief holds float32 values (see `pruned`), so nothing is lost.
    """
    belief = state.belief
    flat = [part.ravel() for part in (belief.on, belief.off)]
    filled = [np.flatnonzero(part) for part in flat]
    head = {
        "map": state.map_id,
        "mode": state.mode,
        "time_s": state.time_s,
        "frames": state.frames,
        "rest": [belief.rest_on, belief.rest_off],
        "counts": [len(belief.places), len(filled[0]), len(filled[1])],
        "look": [len(state.look.total), state.look.weight],
    }
    parts = [json.dumps(head).encode() + b"\n", places.keys[belief.places].astype("<i8").tobytes()]
    parts.append(belief.views.astype("<f4").tobytes())
    for at, values in zip(filled, flat, strict=True):
        parts += [at.astype("<u4").tobytes(), values[at].astype("<f4").tobytes()]
    parts.append(state.look.total.astype("<f4").tobytes())
    return MAGIC + zlib.compress(b"".join(parts), 6)


def from_bytes(data: bytes, map_id: str, places_of: Any) -> TrackState:
    """Read a saved state.

    Args:
        data: what `to_bytes` made, from a source that is not trusted.
        map_id: the id of the map that it must belong to.
        places_of: called with the mode, for the places of the map.

    Raises:
        BadInput: it is damaged, or belongs to another map.
    """
    head, body = _unpacked(data)
    if head.get("map") != map_id:
        raise BadTrack("The state of this track belongs to another map. Begin a new track on this map.")
    mode = MODES.get(head.get("mode", ""))
    if mode is None:
        raise _damaged()
    places: Places = places_of(mode)
    try:
        body, look = _look(head, body)
        belief = _belief(head, body, len(mode.speeds_mps), places)
        time_s, frames = head["time_s"], head["frames"]
        if time_s is not None and not math.isfinite(float(time_s)):
            raise ValueError
        return TrackState(map_id, mode.name, belief, None if time_s is None else float(time_s), int(frames), look)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _damaged() from None


def _damaged() -> BadTrack:
    return BadTrack("The state of the track is damaged or was made by another version. Begin a new track.")


def _unpacked(data: bytes) -> tuple[dict[str, Any], bytes]:
    if not data.startswith(MAGIC) or len(data) > MOST_BYTES:
        raise _damaged()
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(data[len(MAGIC) :], MOST_UNPACKED)
        line, _, body = raw.partition(b"\n")
        head = json.loads(line)
    except (zlib.error, ValueError, RecursionError):
        raise _damaged() from None
    if unpacker.unconsumed_tail or not unpacker.eof or not isinstance(head, dict):
        raise _damaged()
    return head, body


def _look(head: dict[str, Any], body: bytes) -> tuple[bytes, Look]:
    """The body without the look, and the look."""
    dim, weight = int(head["look"][0]), float(head["look"][1])
    if not 0 <= 4 * dim <= len(body) or not 0 <= weight < 1e9:
        raise ValueError
    total = np.frombuffer(body, "<f4", dim, len(body) - 4 * dim).astype(np.float32)
    if not np.isfinite(total).all() or float(np.linalg.norm(total)) > weight * 1.001 + 1e-3:
        raise ValueError
    return body[: len(body) - 4 * dim], Look(total, weight)


def _belief(head: dict[str, Any], body: bytes, speeds: int, places: Places) -> Belief:
    n, *filled = (int(each) for each in head["counts"])
    rest_on, rest_off = (float(each) for each in head["rest"])
    size = n * (8 + 4 * DIRECTIONS) + 8 * sum(filled)
    if min(n, *filled) < 0 or len(filled) != 2 or len(body) != size:
        raise ValueError
    keys = np.frombuffer(body, "<i8", n)
    views = np.frombuffer(body, "<f4", n * DIRECTIONS, 8 * n).reshape(n, DIRECTIONS).astype(np.float64)
    start, parts = n * (8 + 4 * DIRECTIONS), []
    for k in filled:
        at = np.frombuffer(body, "<u4", k, start)
        values = np.frombuffer(body, "<f4", k, start + 4 * k)
        part = np.zeros(n * DIRECTIONS * speeds)
        if k and int(at.max()) >= len(part):
            raise ValueError
        part[at] = values
        parts.append(part.reshape(n, DIRECTIONS, speeds))
        start += 8 * k
    on, off = parts
    total = float(on.sum() + off.sum()) + rest_on + rest_off
    least = min(rest_on, rest_off, *(float(part.min()) for part in (on, off, views) if part.size))
    sums = views.sum(axis=1)
    if not math.isclose(total, 1.0, abs_tol=1e-4) or not least >= 0 or not np.allclose(sums, 1, atol=1e-3):
        raise ValueError
    index = places.indices_of(keys)
    kept = index >= 0  # photos may have been removed meanwhile
    rest_on += float(on[~kept].sum())
    rest_off += float(off[~kept].sum())
    order = np.argsort(index[kept], kind="stable")
    if len(np.unique(index[kept])) != len(order):
        raise ValueError
    return Belief(
        index[kept][order],
        on[kept][order],
        off[kept][order],
        views[kept][order],
        rest_on,
        rest_off,
    )
