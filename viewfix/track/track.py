"""Track a moving camera on a map: one fix for each frame, from all frames until then."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..locate.confidence import LEAST_CONFIDENCE
from ..locate.fuse import AGREE_M
from ..locate.options import CANDIDATES
from ..locate.query import check_descriptor
from ..photos import Readable
from ..pois.upcoming import Ahead, Upcoming, upcoming
from ..pois.upcoming import Belief as Moving
from ..types import Candidate, Fix, Position
from .answer import Answer, answer_of
from .context import TrackContext
from .filter import NO_HINTS, Hints, remembered, stepped
from .modes import mode_named
from .places import Floats, Ints, Places
from .state import BadTrack, TrackState, from_bytes, to_bytes

Descriptor = npt.NDArray[np.float32]

LIKELY_OFF = 0.5


@dataclass(frozen=True, slots=True)
class TrackFix(Fix):
    """A fix of a track. `p_off`, [0, 1], is the probability of not being on this map.

    `time_s` is the time of the frame. `direction_deg`, [0, 360), is the direction of travel and `speed_mps` its speed;
    None if unknown.
    """

    time_s: float = 0.0
    p_off: float = 0.0
    direction_deg: float | None = None
    speed_mps: float | None = None


class Track:
    """A moving camera on a map: `with city.track(mode="walk") as track: fix = track.add("frame.jpg", at=12.5)`.

    `mode` is how the camera moves: "walk", "cycle", "drive", "train", or "auto" if that is not known.

    Below `least_confidence`, [0, 1], a fix has no position; set it to 0 for the best guess always.

    The state is a value: `save` returns it as bytes, and `Map.track(state=...)` continues from there, also in another
    process.
    """

    def __init__(
        self,
        context: TrackContext,
        *,
        mode: str = "auto",
        state: bytes | None = None,
    ) -> None:
        self._context = context
        self.least_confidence = LEAST_CONFIDENCE
        if state is None:
            self.mode = mode_named(mode)
            self.places: Places = context.places(self.mode)
            self.state = TrackState.new(context.map_id, self.mode)
        else:
            self.state = from_bytes(state, context.map_id, context.places)
            if len(self.state.look.total) not in (0, context.store.model.dim):
                raise BadTrack("The state of the track does not fit the model of this map. Begin a new track.")
            self.mode = mode_named(self.state.mode)
            self.places = context.places(self.mode)
        self.radius_m = radius_of(self.places)

    def add(
        self,
        frame: Readable | Descriptor,
        *,
        at: float | datetime | None = None,
        gps: Position | None = None,
        compass_deg: float | None = None,
        steps: int | None = None,
    ) -> TrackFix:
        """Take the next frame into account, and say where the camera is.

        Args:
            frame: a photo, as for `Map.locate`; or its (dim,) float32 descriptor of length 1.
            at: the time of the frame: seconds of any clock, or a datetime; None for now.
            gps: a position from elsewhere, with its radius in metres; it is weighed, not believed.
            compass_deg: the direction of the camera by a compass, [0, 360).
            steps: the number of steps since the last frame.

        Raises:
            BadInput: the time is before that of the last frame, or a value is out of range. The track stays as it was.
            UnreadablePhoto: the frame is not a picture that can be decoded. The track stays as it was.
        """
        hints = NO_HINTS
        if gps is not None or compass_deg is not None or steps is not None:
            hints = Hints(gps, compass_deg, steps)
        time_s = seconds(at)
        self.places = self._context.places(self.mode) if self._changed() else self.places
        descriptor = self._descriptor(frame)
        sight, rows, similarities = self._context.sight(descriptor, self.places, self.state.look)
        after = stepped(self.state, sight, time_s, self.places, self._context.model, hints)
        self.state = remembered(after, self.state, descriptor, self.places)
        answer = answer_of(self.state.belief, self.places, self.mode, self.radius_m, sight.resembled)
        return self._fix(answer, time_s, rows[:CANDIDATES], similarities[:CANDIDATES])

    def upcoming(self, horizon_s: float = 60.0, *, kinds: Collection[str] = ()) -> tuple[Upcoming, ...]:
        """The sights ahead, nearest in time first, if it is sure enough where the camera is and moves.

        Args:
            horizon_s: how far ahead, in seconds.
            kinds: only sights of these kinds, such as "historic" or "tourism=museum"; all if empty.
        """
        ahead, belief = Ahead(horizon_s, kinds=kinds), self.state.belief
        answer = answer_of(belief, self.places, self.mode, self.radius_m)
        if answer.direction_deg is None or answer.speed_mps is None:
            return ()
        # The bins of the direction are too wide to tell sides: all places have the mean direction and speed.
        lats, lons = self.places.lats[belief.places], self.places.lons[belief.places]
        alike = np.ones(len(lats))
        moving = Moving(lats, lons, belief.on_places, answer.direction_deg * alike, answer.speed_mps * alike)
        return upcoming(self._context.store.points, moving, ahead)

    def save(self) -> bytes:
        """The state of the track, a few kilobytes: pass it to `Map.track` to continue."""
        return to_bytes(self.state, self.places)

    def close(self) -> None:
        """Do nothing: a track holds no files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _changed(self) -> bool:
        """Whether the map has changed; the belief then follows to its new places."""
        fresh = self._context.places(self.mode)
        if fresh is self.places:
            return False
        self.state = from_bytes(self.save(), self._context.map_id, lambda _: fresh)
        return True

    def _descriptor(self, frame: Readable | Descriptor) -> Descriptor:
        if isinstance(frame, np.ndarray) and frame.ndim == 1:
            check_descriptor(frame, self._context.store.model.dim)
            return frame
        return self._context.describe(frame)

    def _fix(self, answer: Answer, time_s: float, rows: Ints, similarities: Floats) -> TrackFix:
        photos = self._context.store.photos(rows)
        pairs = zip(photos, similarities.tolist(), strict=False) if len(photos) == len(rows) else ()
        candidates = tuple(Candidate(photo, similarity) for photo, similarity in pairs)
        confidence = self._context.model.calibrated(answer.probability)
        if answer.place is None or confidence < self.least_confidence:
            why = (
                f"not on this map, with a probability of {answer.p_off:.2f}"
                if answer.p_off >= LIKELY_OFF
                else f"the most likely place has a probability of {confidence:.2f}, below {self.least_confidence:.2f}"
            )
            return TrackFix(None, confidence, candidates, why, time_s=time_s, p_off=answer.p_off)
        return TrackFix(
            Position(answer.lat, answer.lon, self.radius_m),
            confidence,
            candidates,
            f"by {self.state.frames} frame{'s' if self.state.frames > 1 else ''}",
            heading_deg=answer.heading_deg,
            time_s=time_s,
            p_off=answer.p_off,
            direction_deg=answer.direction_deg,
            speed_mps=answer.speed_mps,
        )


def radius_of(places: Places) -> float:
    """The radius of a fix in metres: that of `Map.locate`, or two places further where photos lie far apart."""
    return max(AGREE_M, 2.2 * places.spacing_m)


def seconds(at: float | datetime | None) -> float:
    """The time of a frame in seconds; now, for None."""
    if at is None:
        return time.time()
    if isinstance(at, datetime):
        return at.timestamp()
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise BadInput(f"at is {at!r}. Pass seconds as a number, or a datetime.")
    return float(at)
