"""Photos of one walk support each other, in windows of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tracks import looks, made_map, seen, street

from viewfix import Map
from viewfix.geo import distance_m, moved
from viewfix.geotag import neighbours as module
from viewfix.geotag.combine import Estimate
from viewfix.geotag.job import Job, Listed, Row
from viewfix.geotag.neighbours import Moment, Neighbours

AT, LOOKS = street(60, 6.0), looks(60)


def photo(name: str, time_s: float, descriptor: np.ndarray | None, clock: str = "known") -> Row:
    packed = None if descriptor is None else descriptor.astype("<f4").tobytes()
    return Row(name, clock, time_s, None, None, None, None, packed, None, None, False)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Map:
    return Map.open(made_map(tmp_path_factory.mktemp("walk") / "street.map", AT, LOOKS))


def answers(city: Map, moments: Sequence[Moment]) -> dict[str, Estimate | None]:
    return {moment.row.id: estimate for moment, estimate in Neighbours(city.tracking, "walk").estimates(moments)}


def walk(noise: float = 1.0) -> list[Moment]:
    """Ten photos 5 s apart, which is 6 m; the fifth shows something else."""
    shown = [seen(LOOKS[20 + i], noise, i) for i in range(10)]
    shown[5] = looks(1, 999)[0]
    return [Moment(photo(f"{i}", 5.0 * i, look)) for i, look in enumerate(shown)]


def test_a_photo_of_something_else_is_placed_by_those_around_it(city: Map) -> None:
    found = answers(city, walk())
    assert found["5"] is not None and distance_m(found["5"].position, AT[25]) < 15 and found["5"].confidence > 0.8
    alone = answers(city, [walk()[5]])
    assert alone["5"] is None, "one photo has no neighbours"


def test_photos_far_apart_in_time_or_of_two_clocks_are_no_neighbours(city: Map) -> None:
    far = [Moment(photo(f"{i}", 400.0 * i, LOOKS[i].copy())) for i in range(3)]
    clocks = [Moment(photo(c, 1.0, LOOKS[2].copy(), c)) for c in ("known", "local", "none")]
    assert set(answers(city, far).values()) == set(answers(city, clocks).values()) == {None}


def test_a_photo_with_a_position_is_an_anchor_on_the_map_and_off_it(city: Map) -> None:
    blind = looks(1, 999)[0]
    here = [
        Moment(photo("a", 0.0, None), AT[30]),
        Moment(photo("b", 4.0, blind)),
        Moment(photo("c", 8.0, None), AT[31]),
    ]
    found = answers(city, here)["b"]
    assert found is not None and distance_m(found.position, AT[30]) < 30 and found.confidence > 0.5
    away = moved(AT[0], 180.0, 5000.0)
    gone = [Moment(each.row, away if each.trusted else None) for each in here]
    left = answers(city, gone)["b"]
    assert left is None or left.confidence < 0.3


def test_windows_answer_every_photo_once_and_like_one_run(city: Map, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [Moment(photo(f"{i:02d}", 5.0 * i, seen(LOOKS[5 + i], 0.8, i))) for i in range(45)]
    whole = answers(city, moments)
    monkeypatch.setattr(module, "WINDOW", 8)
    monkeypatch.setattr(module, "OVERLAP", 4)
    names = [moment.row.id for moment, _ in Neighbours(city.tracking, "walk").estimates(moments)]
    assert names == [moment.row.id for moment in moments]
    parts = answers(city, moments)
    apart = [distance_m(parts[n].position, whole[n].position) for n in whole]
    assert max(apart) < 10


def test_the_job_reads_photos_in_the_order_of_time_and_keeps_what_it_knows(tmp_path: Path) -> None:
    job = Job(tmp_path / "album", ("map", "1"), folder=tmp_path / "cache")
    job.put([Listed(f"{i}.jpg", "p", "b", "known", 1000.0 - i) for i in range(450)], 1)
    job.put([Listed("late.jpg", "p", "b", "none")], 1)
    ordered = [row.id for row in job.rows()]
    assert ordered[0] == "449.jpg" and ordered[-1] == "late.jpg" and len(ordered) == 451
    job.put_seen([("3.jpg", b"1234", {"lat": None}, None)])
    job.put([Listed("3.jpg", "p", "sidecar changed", "known", 5.0), Listed("4.jpg", "changed", "b")], 2)
    assert {row.id: row.descriptor for row in job.rows()}["3.jpg"] == b"1234"
    job.forget_others(2)
    assert sorted(row.id for row in job.rows()) == ["3.jpg", "4.jpg"]
    job.commit()
    job.close()
    again = Job(tmp_path / "album", ("map", "1"), folder=tmp_path / "cache")
    assert again.count() == 2
    again.close()
    other = Job(tmp_path / "album", ("map", "2"), folder=tmp_path / "cache")
    assert other.count() == 0, "another state of the map"
    other.close()
    other.path.write_bytes(b"not a database, but long enough to look like a damaged one")
    Job(tmp_path / "album", ("map", "2"), folder=tmp_path / "cache").close()
