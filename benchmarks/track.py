"""Measure tracks on Nordland, Gardens Point, and walks through Cambridge: recall, tunnels, calibration, and cost.

Constants were chosen on the first 800 frames of Nordland and on cambridge/train. Gardens Point and cambridge/test are
only measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from truth import DATA, Truth, cambridge

from viewfix import Map, Position, metrics
from viewfix.embed.describe import describe_pictures
from viewfix.geo import Plane, distance_m, moved
from viewfix.models import catalogue
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.track.calibrate import Walk, calibrated
from viewfix.track.context import META_KEY
from viewfix.types import Photo

Rows = npt.NDArray[np.float32]
NORDLAND_M, NORDLAND_S, HELD_OUT = 200.0, 10.0, 800
GARDENS_M, GARDENS_S = 4.0, 2.9
CACHE = Path(tempfile.gettempdir()) / "viewfix-track-benchmark"


def described(name: str, files: Sequence[Path]) -> Rows:
    """The descriptors of the shipped model, kept between runs."""
    CACHE.mkdir(exist_ok=True)
    if not (kept := CACHE / f"{name}.npy").exists():
        np.save(kept, np.stack(list(describe_pictures(files, catalogue.load(None)))))
    return np.load(kept)


def patches(files: Sequence[Path], side: int = 9) -> Rows:
    """Patch-normalised pixels, as SeqSLAM uses them: each is compared with the square around it. (N, D) of length 1."""
    rows = []
    for file in files:
        grey = np.asarray(Image.open(file).convert("L"), np.float64)
        around = np.lib.stride_tricks.sliding_window_view(np.pad(grey, side // 2, "symmetric"), (side, side))
        each = (grey - around.mean(axis=(2, 3))) / (around.std(axis=(2, 3)) + 1.0)
        rows.append((each.ravel() / np.linalg.norm(each)).astype(np.float32))
    return np.stack(rows)


def line(n: int, spacing_m: float) -> list[Position]:
    return [moved(Position(60.0, 10.0), 20.0, spacing_m * i) for i in range(n)]


def made_map(path: Path, rows: Rows, at: Sequence[Position], headings: Sequence[float | None] | None = None) -> Path:
    with Store.create(path, ModelIdentity(catalogue.DEFAULT, "b" * 64, rows.shape[1])) as store:
        given = headings or [None] * len(at)
        each = zip(at, given, strict=True)
        store.put(
            [Record(Photo(f"{i:05d}", f"{i:05d}", p, heading_deg=h), f"{i:032x}") for i, (p, h) in enumerate(each)],
            rows,
        )
    return path


def varied(n: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """A ride of changing speed with stops: the frame at each step."""
    rng, steps, x = np.random.default_rng(seed), [], 0.0
    while x < n - 1:
        speed = rng.choice([0.5, 1, 1, 1.5])
        for _ in range(int(rng.integers(5, 25))):
            if x < n - 1:
                steps.append(round(x))
                x += speed
        if rng.random() < 0.3:
            steps += [round(min(x, n - 1))] * int(rng.integers(1, 7))
    return np.array(steps)


@dataclass(frozen=True)
class Ride:
    """What a track said for each frame."""

    error_m: npt.NDArray[np.float64]
    said: npt.NDArray[np.float64]
    p_off: npt.NDArray[np.float64]
    ms: float


def ride(city: Map, rows: Rows, times_s: Sequence[float], at: Sequence[Position | None], mode: str) -> Ride:
    track = city.track(mode=mode)
    track.least_confidence = 0.0
    fixes, began = [], time.process_time()
    for row, time_s in zip(rows, times_s, strict=True):
        fixes.append(track.add(row, at=float(time_s)))
    ms = (time.process_time() - began) / len(rows) * 1e3
    errors = [distance_m(f.position, p) if p and f.found else np.inf for f, p in zip(fixes, at, strict=True)]
    return Ride(np.array(errors), np.array([f.confidence for f in fixes]), np.array([f.p_off for f in fixes]), ms)


def alone(city: Map, rows: Rows, at: Sequence[Position | None]) -> npt.NDArray[np.float64]:
    """The error of the most similar photo of each frame alone."""
    nearest = [city.locate_descriptor(row, least_confidence=0.0).candidates for row in rows]
    best = [max(found, key=lambda c: c.similarity).photo.position for found in nearest]
    return np.array([distance_m(p, t) if t else np.inf for p, t in zip(best, at, strict=True)])


def in_tunnel(rows: Rows, foreign: Rows, first: int, last: int) -> Rows:
    """The frames with those from `first` to `last` replaced by foreign ones."""
    out = rows.copy()
    out[first:last] = foreign[: last - first]
    return out


def tunnel_report(found: Ride, inside: npt.NDArray[np.bool_], right_m: float) -> str:
    ends = np.flatnonzero(inside[:-1] & ~inside[1:]) + 3
    back = np.mean(found.error_m[ends[ends < len(inside)]] <= right_m)
    within, outside = found.p_off[inside].mean(), found.p_off[~inside].mean()
    return f"p(off) inside {within:.2f}, outside {outside:.2f}; right at the third frame after {back:.2f}"


def nordland(data: Path, folder: Path, foreign: Rows) -> None:
    files = {s: sorted((data / "nordland" / s).glob("*.png")) for s in ("summer", "winter")}
    for name, of in (("shipped model", described), ("patch-normalised pixels", lambda _, f: patches(f))):
        summer, winter = (of(f"nordland-{s}", files[s]) for s in ("summer", "winter"))
        at, n, right_m = line(HELD_OUT, NORDLAND_M), HELD_OUT, 2.2 * NORDLAND_M
        strange = foreign if name == "shipped model" else noise(200, summer.shape[1])
        with Map.open(made_map(folder / f"{name}-calibration.map", summer[:n], at)) as city:
            walk = Walk(winter[:n], (NORDLAND_S * np.arange(n)).tolist(), at)
            bent = varied(n, 7)
            second = Walk(winter[bent], (NORDLAND_S * np.arange(len(bent))).tolist(), [at[i] for i in bent])
            model = calibrated(city.tracking, [walk, second], strange[100:], mode="train", right_m=right_m)
        path = made_map(folder / f"{name}.map", summer[n : 2 * n], at)
        with Store.open(path, write=True) as writer:
            writer.set_meta(META_KEY, model.to_json())
        frames = winter[n : 2 * n]
        with Map.open(path) as city:
            times = (NORDLAND_S * np.arange(n)).tolist()
            single = np.mean(alone(city, frames, at) <= right_m)
            found = ride(city, frames, times, at, "train")
            print(
                f"Nordland, {name}: single {single:.1%}, "
                f"track {np.mean(found.error_m <= right_m):.1%}; {found.ms:.1f} ms"
            )
            print(f"  calibration error {metrics.expected_calibration_error(found.said, found.error_m <= right_m):.3f}")
            steps = varied(n)
            there = [at[i] for i in steps]
            single = np.mean(alone(city, frames[steps], there) <= right_m)
            found = ride(city, frames[steps], (NORDLAND_S * np.arange(len(steps))).tolist(), there, "train")
            print(f"  variable speed and stops: single {single:.1%}, track {np.mean(found.error_m <= right_m):.1%}")
            inside = np.zeros(n, bool)
            mixed = frames
            for k in range(100, n - 40, 140):
                inside[k : k + 20] = True
                mixed = in_tunnel(mixed, strange, k, k + 20)
            found = ride(city, mixed, times, at, "train")
            print(f"  tunnels: {tunnel_report(found, inside, right_m)}")


def noise(n: int, dim: int) -> Rows:
    rows = np.random.default_rng(5).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def gardens(data: Path, folder: Path, foreign: Rows) -> None:
    walks = ("day_left", "day_right", "night_right")
    rows = {w: described(f"gardens-{w}", sorted((data / "gardens_point" / w).glob("*.jpg"))[:100]) for w in walks}
    at, right_m = line(100, GARDENS_M), 2.2 * GARDENS_M
    for of, asked in (("day_left", "day_right"), ("day_left", "night_right"), ("day_right", "night_right")):
        with Map.open(made_map(folder / f"{of}-{asked}.map", rows[of], at)) as city:
            report = []
            rng, steps, k = np.random.default_rng(3), [], 0
            while k < 100:
                steps += [k] * int(rng.choice([1, 1, 1, 4]))
                k += int(rng.choice([1, 1, 2]))
            for chosen in (list(range(100)), steps):
                there = [at[i] for i in chosen]
                single = np.mean(alone(city, rows[asked][chosen], there) <= right_m)
                found = ride(city, rows[asked][chosen], (GARDENS_S * np.arange(len(chosen))).tolist(), there, "walk")
                report.append(f"{single:.0%} -> {np.mean(found.error_m <= right_m):.0%}")
            inside = np.zeros(100, bool)
            inside[50:70] = True
            found = ride(
                city, in_tunnel(rows[asked], foreign, 50, 70), (GARDENS_S * np.arange(100)).tolist(), at, "walk"
            )
            print(f"Gardens Point, {asked} in {of}: {report[0]}; stops and skips {report[1]}")
            print(f"  tunnel: {tunnel_report(found, inside, right_m)}")


def walks_over(queries: Sequence[Truth], seeds: int) -> list[tuple[list[int], list[float]]]:
    """Walks from point to nearest point, at 1.4 m/s: queries that look along the way, and their times."""
    plane = Plane(queries[0].position)
    xy = plane.to_xy_m([q.position.lat for q in queries], [q.position.lon for q in queries])
    points, of = np.unique(np.round(xy, 2), axis=0, return_inverse=True)
    headings = np.array([q.heading_deg for q in queries])
    walks = []
    for seed in range(seeds):
        here = int(np.random.default_rng(seed).integers(len(points)))
        left, chosen, times, clock = set(range(len(points))) - {here}, [], [], 0.0
        while left and len(chosen) < 40:
            after = min(left, key=lambda j: (np.linalg.norm(points[j] - points[here]), j))
            east, north = points[after] - points[here]
            if np.hypot(east, north) > 35:
                break
            ahead = np.flatnonzero(of.ravel() == here)
            away = np.abs((headings[ahead] - np.degrees(np.arctan2(east, north)) + 180) % 360 - 180)
            chosen.append(int(ahead[np.argmin(away)]))
            times.append(clock)
            clock += float(np.hypot(east, north)) / 1.4
            left.discard(after)
            here = after
        if len(chosen) >= 11:
            walks.append((chosen, times))
    return walks


def town(data: Path, folder: Path, foreign: Rows) -> None:
    photos, queries = cambridge(data, "test", "map"), cambridge(data, "test", "queries")
    rows = described("cambridge-map", [p.file for p in photos])
    asked = described("cambridge-queries", [q.file for q in queries])
    path = made_map(folder / "town.map", rows, [p.position for p in photos], [p.heading_deg for p in photos])
    with Map.open(path) as city:
        walks = walks_over(queries, 40)
        for mode in ("walk", "auto"):
            single, rides = [], []
            for chosen, times in walks:
                there = [queries[i].position for i in chosen]
                single.append(alone(city, asked[chosen], there))
                rides.append(ride(city, asked[chosen], times, there, mode))
            report_town(mode, np.concatenate(single), rides)
        found, marks = [], []
        for chosen, times in walks:
            if len(chosen) < 20:
                continue
            mixed = np.concatenate([asked[chosen[:10]], foreign[:20], asked[chosen[10:]]])
            clock = [
                *times[:10],
                *(times[9] + 8.0 * np.arange(1, 21)),
                *(np.array(times[10:]) - times[9] + times[9] + 160),
            ]
            there = [
                *(queries[i].position for i in chosen[:10]),
                *[None] * 20,
                *(queries[i].position for i in chosen[10:]),
            ]
            found.append(ride(city, mixed, clock, there, "walk"))
            marks.append(np.arange(len(mixed)) // 1 < 0)
            marks[-1][10:30] = True
        together = Ride(*(np.concatenate([getattr(r, n) for r in found]) for n in ("error_m", "said", "p_off")), 0.0)
        print(f"  tunnel: {tunnel_report(together, np.concatenate(marks), 25.0)}")


def report_town(mode: str, single: npt.NDArray[np.float64], rides: Sequence[Ride]) -> None:
    error_m, said = np.concatenate([r.error_m for r in rides]), np.concatenate([r.said for r in rides])
    print(
        f"cambridge/test, {len(single)} frames of walks, {mode}: within 25 m {np.mean(single <= 25):.1%} -> "
        f"{np.mean(error_m <= 25):.1%}; median error {np.median(single):.2f} -> {np.median(error_m):.2f} m; "
        f"p(off) {np.mean(np.concatenate([r.p_off for r in rides])):.3f}; calibration error "
        f"{metrics.expected_calibration_error(said, error_m <= 25):.3f}; {np.mean([r.ms for r in rides]):.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", choices=["nordland", "gardens", "town"])
    given = parser.parse_args()
    train = described("cambridge-train", [t.file for t in cambridge(given.data, "train", "map")])
    foreign = train[np.random.default_rng(2).permutation(len(train))[:300]]
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in (("nordland", nordland), ("gardens", gardens), ("town", town)):
            if given.only in (None, name):
                measure(given.data, Path(folder), foreign)


if __name__ == "__main__":
    main()
