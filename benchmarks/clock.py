"""Clocks of cameras: how often the motion of a simulated film finds the offset, and how often it is found wrongly.

    python benchmarks/clock.py [--films 12]

Each film shows a walk or a drive with stops of random lengths, about a third of a metre of noise of the receiver, and
motion with a little or much noise. Half of the films belong to another walk, so any offset found for them is wrong.
"""

from __future__ import annotations

import statistics

import click
import numpy as np
import numpy.typing as npt

from viewfix.geo import Plane
from viewfix.telemetry import Track, TrackPoint
from viewfix.telemetry.motion import Match, Motion, match_motion
from viewfix.types import Position

Floats = npt.NDArray[np.float64]
AROUND_S, SPARE_S = 300.0, 700
WRONG_S = 3.0
PLANE = Plane(Position(60.0, 24.0))


def speeds(random: np.random.Generator, seconds: int, usual_mps: float) -> Floats:
    """Moving for 8 to 60 seconds, standing for 3 to 25, and so on."""
    found = np.zeros(seconds)
    at = 0
    while at < seconds:
        lasts = int(random.uniform(8, 60))
        found[at : at + lasts] = random.uniform(0.8, 1.2) * usual_mps
        at += lasts + int(random.uniform(3, 25))
    return np.convolve(found, np.ones(3) / 3, "same")


def track_of(random: np.random.Generator, moved: Floats) -> Track:
    metres = np.concatenate([[0.0], np.cumsum(moved)]) + random.normal(0, 0.3, len(moved) + 1)
    places = [PLANE.to_position(float(x_m), 0.0) for x_m in metres]
    return Track(TrackPoint(float(second), at.lat, at.lon) for second, at in enumerate(places))


def one(seed: int, seconds: int, usual_mps: float, noise: float, of_this: bool) -> tuple[float, Match | None]:
    """The true begin of one film, and what its motion says."""
    random = np.random.default_rng(seed)
    moved = speeds(random, seconds + SPARE_S, usual_mps)
    track, begins_s = track_of(random, moved), 350 + random.uniform(-40, 40)
    shown = moved if of_this else speeds(np.random.default_rng(seed + 10**6), len(moved), usual_mps)
    times_s = np.arange(0, seconds, max(1.0, seconds / 400))
    seen = np.interp(times_s + begins_s, np.arange(len(shown)) + 0.5, shown) / usual_mps + 0.15
    motion = Motion(times_s, seen * np.exp(random.normal(0, noise, len(times_s))))
    return begins_s, match_motion(motion, track, 350 - AROUND_S, 350 + AROUND_S)


@click.command()
@click.option("--films", default=12, show_default=True, help="Films of each kind.")
def main(films: int) -> None:
    """Print how many offsets were found, and how many of those wrongly."""
    kinds = [(mps, noise) for mps in (1.4, 10.0) for noise in (0.3, 0.8)]
    for seconds in (60, 180, 600):
        errors, wrongly = [], 0
        for usual_mps, noise in kinds:
            for seed in range(films):
                begins_s, found = one(seed, seconds, usual_mps, noise, True)
                if found is not None and found.is_clear:
                    errors.append(abs(found.begins_s - begins_s))
                _, found = one(seed, seconds, usual_mps, noise, False)
                wrongly += found is not None and found.is_clear
        asked = films * len(kinds)
        click.echo(
            f"{seconds:4d} s: {len(errors)} of {asked} found"
            + (f", median error {statistics.median(errors):.1f} s, largest {max(errors):.1f} s" if errors else "")
            + f"; {sum(error > WRONG_S for error in errors)} of them wrong by more than {WRONG_S:g} s; "
            f"films of another walk: {wrongly} of {asked} placed"
        )


if __name__ == "__main__":
    main()
