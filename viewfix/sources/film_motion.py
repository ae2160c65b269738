"""The motion in the pictures of a film, measured on a few hundred pairs of frames."""

from __future__ import annotations

import numpy as np

from ..photos.film import Film
from ..telemetry.motion import Motion

MOST_SAMPLES = 400
"""About ten seconds of work for a film in 1080p, however long it is."""

LEAST_STEP_S = 1.0
PAIR_S = 0.1
"""The time between the two frames of a pair: at walking speed, less shows little but noise."""


def film_motion(film: Film) -> Motion:
    """Measure how fast the picture moves, about once a second; each pair begins with a keyframe."""
    step_s = max(LEAST_STEP_S, film.duration_s / MOST_SAMPLES)
    pair_s = max(PAIR_S, film.frame_s)
    times_s: list[float] = []
    amounts: list[float] = []
    for wanted_s in np.arange(0.0, film.duration_s, step_s):
        key_s = film.keyframe_near(float(wanted_s), step_s / 2)
        if key_s is None or (times_s and key_s <= times_s[-1]):
            continue
        one, other = film.at(key_s), film.at(key_s + pair_s)
        if one is None or other is None or other.time_s <= one.time_s:
            continue
        before, after = one.grey(), other.grey()
        change = float(np.abs(after - before).mean()) / (other.time_s - one.time_s)
        # Divided by its contrast, the change of a picture is the speed at which it moves.
        contrast = float(np.abs(np.diff(before, axis=1)).mean() + np.abs(np.diff(before, axis=0)).mean())
        times_s.append(one.time_s)
        amounts.append(change / (contrast + 1.0))
    return Motion(np.array(times_s), np.array(amounts))
