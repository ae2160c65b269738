"""Compare the share of new photos that a map expects to find with the share that it really finds.

With --choose: fit the constants of viewfix/locate/expected_share.py on the training area, by similarity alone.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from truth import DATA, Truth, cambridge

from viewfix import Map, Position
from viewfix.demo.town import Town, write_views
from viewfix.geo import distance_m
from viewfix.locate import calibrate, expected_share
from viewfix.locate.confidence import LEAST_CONFIDENCE, fit_logistic
from viewfix.store.store import Store

TOWN_QUERIES = 60


def is_found(city: Map, photo: Path | str, truth: Position, verify: str) -> bool:
    fix = city.locate(photo, verify=verify)
    return fix.position is not None and distance_m(fix.position, truth) <= city.calibration.radius_m


def compare(name: str, city: Map, asked: Iterable[tuple[Path | str, Position]], ways: Sequence[str]) -> None:
    expectation, queries = city.calibration.expectation, list(asked)
    if expectation is None:
        print(f"{name}: {len(city)} photos, too few to tell")
        return
    for verify in ways:
        expected = expectation.share_found_by_similarity if verify == "off" else expectation.share_found
        true = float(np.mean([is_found(city, photo, at, verify) for photo, at in queries]))
        spacing = "far" if expectation.spacing_m is None else f"{expectation.spacing_m:.0f} m"
        print(
            f"{name}, verify={verify}: {len(city)} photos, one every {spacing}; expected {expected:.1%}, "
            f"true {true:.1%} of {len(queries)} ({100 * (expected - true):+.1f} points)",
            flush=True,
        )


def point_of(truth: Truth) -> tuple[float, float]:
    return round(truth.position.lat, 7), round(truth.position.lon, 7)


def thinned(photos: Sequence[Truth], of: int, by: str) -> set[str]:
    """The names of one in `of` photos: at random, or all photos of every `of`-th point."""
    if by == "photos":
        return {each.file.name for each in random.Random(0).sample(list(photos), len(photos) // of)}
    kept = set(list(dict.fromkeys(point_of(each) for each in photos))[::of])
    return {each.file.name for each in photos if point_of(each) in kept}


def keep_only(city: Map, names: set[str]) -> None:
    city.remove([each.id for each in city.photos() if Path(each.source).name not in names])


def streets(data: Path, folder: Path, ways: Sequence[str]) -> None:
    photos = cambridge(data, "test", "map")
    asked = [(each.file, each.position) for each in cambridge(data, "test", "queries")]
    for of, by in ((1, "photos"), (2, "photos"), (5, "photos"), (2, "points"), (5, "points")):
        with Map.build(folder / f"{of}-{by}.map", data / "cambridge/test/map") as city:
            if of > 1:
                keep_only(city, thinned(photos, of, by))
            used = ways if by == "photos" else ["off"]
            compare(f"cambridge/test, one in {of} {by}", city, asked, used)


def album(data: Path, folder: Path, ways: Sequence[str]) -> None:
    with Map.build(folder / "album.map", data / "ingest/phone_photos") as city:
        photos = sorted(city.photos(), key=lambda each: Path(each.source).name)
        asked = [(each.source, each.position) for each in photos[1::2]]
        keep_only(city, {Path(each.source).name for each in photos[::2]})
        compare("phone photos, every other", city, asked, ways)


def town(folder: Path, ways: Sequence[str]) -> None:
    drawn = Town(0)
    write_views(drawn, drawn.map_views(), folder / "town")
    queries = drawn.query_views(TOWN_QUERIES)
    files = write_views(drawn, queries, folder / "visits", tell_position=False)
    with Map.build(folder / "town.map", folder / "town") as city:
        compare("demo town", city, [(f, drawn.position(v)) for f, v in zip(files, queries, strict=True)], ways)


def choose(data: Path, folder: Path) -> None:
    """Every fourth point of the training area is asked; the others are the map, whole and thinned."""
    photos = cambridge(data, "train", "map")
    points = list(dict.fromkeys(point_of(each) for each in photos))
    asked_points = set(points[1::4])
    kept = [each for each in photos if point_of(each) not in asked_points]
    whole = folder / "whole.map"
    Map.build(whole, data / "cambridge/train").close()
    with Map.open(whole) as city:
        rows = city.store.rows_of([each.id for each in city.photos()])
        descriptors = {each.id: city.store.descriptors([rows[each.id]])[0] for each in city.photos()}
        asked = [each for each in city.photos() if Path(each.source).name not in {k.file.name for k in kept}]
    maps = []
    for of, by in ((1, "photos"), (2, "photos"), (5, "photos"), (2, "points"), (5, "points"), (20, "photos")):
        path = folder / f"{of}-{by}.map"
        path.write_bytes(whole.read_bytes())
        with Map.open(path) as city:
            names = thinned(kept, of, by)
            city.remove([e.id for e in city.photos() if Path(e.source).name not in names], calibrate=False)
            left, outcomes = _examined(city)
            fixes = [(city.locate_descriptor(descriptors[each.id]), each.position) for each in asked]
            found = [f.position is not None and distance_m(f.position, at) <= left.radius_m for f, at in fixes]
            apart = [expected_share._distances_m(city.store, e.photo, calibrate.OWN_PLACE_M)[1] for e in outcomes]
            maps.append((f"one in {of} {by}", np.array([e.found for e in outcomes], float), np.array(apart), found))
    pooled = [np.concatenate([each[i] for each in maps]) for i in (1, 2)]
    curve = fit_logistic(expected_share._numbers(pooled[1]), pooled[0], np.ones(len(pooled[0])), np.zeros(2))
    print(f"CURVE {curve.round(2)}, used {expected_share.CURVE}")
    for nearer in (0.7, 0.75, 0.8, 0.85, 1.0):
        expected_share.NEARER = nearer
        errors = [
            100 * (expected_share.share_of_new(found, apart, np.ones(len(apart))) - np.mean(true))
            for _, found, apart, true in maps
        ]
        print(f"NEARER {nearer}: {' '.join(f'{e:+.1f}' for e in errors)}, mean {np.mean(np.abs(errors)):.1f} points")
    print("left-out photos as they are:", *(f"{100 * (f.mean() - np.mean(t)):+.1f}" for _, f, _, t in maps))


def _examined(city: Map):  # type: ignore[no-untyped-def]
    """The calibration of a map by similarity alone, which is stored, and its left-out photos."""
    kept: list[expected_share.LeftOut] = []
    original = calibrate.expect
    calibrate.expect = lambda store, left, own: (kept.extend(left), original(store, left, own))[1]
    try:
        with Store.open(city.address, write=True) as writer:
            calibration = calibrate.examine(writer, city.context.search)
            writer.set_meta(
                "calibration", calibration.to_json() | {"photos": len(writer), "last_row": 0, "removals": 0}
            )
    finally:
        calibrate.expect = original
    return calibration, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", action="append", choices=["streets", "album", "town"], help="default: all three")
    parser.add_argument("--verify", action="append", choices=["off", "accurate"], help="default: both")
    parser.add_argument("--choose", action="store_true", help="fit the constants on the training area")
    given = parser.parse_args()
    ways, only = given.verify or ["off", "accurate"], given.only or ["album", "town", "streets"]
    print(f"found: answered with a probability of at least {LEAST_CONFIDENCE}, and within the radius of the answer")
    with tempfile.TemporaryDirectory() as folder:
        if given.choose:
            choose(given.data, Path(folder))
            return
        if "album" in only:
            album(given.data, Path(folder), ways)
        if "town" in only:
            town(Path(folder), ways)
        if "streets" in only:
            streets(given.data, Path(folder), ways)


if __name__ == "__main__":
    main()
