"""Thinning takes out what a map does not need, says what that costs, and can be undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from viewfix import BadInput, Map, Photo, Position
from viewfix.cli import run
from viewfix.geo import Plane
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.thin.choice import Choice
from viewfix.thin.questions import Questions

PLANE = Plane(Position(50.0, 20.0))
DIM = 64


def write_map(path: Path, places: Sequence[tuple[float, int]], *, noise: float = 0.02) -> Path:
    """A map of spots: their metres along a street, and how many photos each has. Photos within 10 m look alike."""
    rng = np.random.default_rng(3)
    looks: dict[int, np.ndarray] = {}
    records, descriptors = [], []
    for along_m, count in places:
        look = looks.setdefault(round(along_m / 100), rng.normal(size=DIM))
        for _ in range(count):
            name = f"{len(records):03d}.jpg"
            records.append(Record(Photo(name, f"/nowhere/{name}", PLANE.to_position(along_m, 0.0)), name))
            descriptors.append(look + noise * rng.normal(size=DIM))
    with Store.create(path, ModelIdentity("toy", "f" * 64, DIM)) as store:
        store.put(records, np.array(descriptors, np.float32))
    return path


@pytest.fixture
def bursts(tmp_path: Path) -> Path:
    """Ten places 100 m apart; each has two spots 8 m apart, and ten photos a spot that look nearly the same."""
    return write_map(tmp_path / "bursts.map", [(100.0 * n + side, 10) for n in range(10) for side in (0.0, 8.0)])


def spots_left(city: Map) -> int:
    return len({(photo.position.lat, photo.position.lon) for photo in city.photos()})


def test_bursts_are_thinned_to_one_photo_a_spot(bursts: Path) -> None:
    with Map.open(bursts) as city:
        plan = city.thinning(recall_budget=0.0)
        assert plan.photos == 200 and plan.spots == 20 and plan.recall_after == plan.recall_before > 0.5
        assert plan.left == 20 and len(set(plan.removed)) == 180
        assert city.remove(plan.removed, calibrate=False) == 180
        assert spots_left(city) == 20


def test_nothing_is_taken_out_where_every_photo_is_the_only_one_of_its_place(tmp_path: Path) -> None:
    with Map.open(write_map(tmp_path / "a.map", [(100.0 * n, 1) for n in range(12)])) as city:
        assert city.thinning(recall_budget=0.5).removed == ()


def test_a_photo_that_only_itself_can_answer_for_goes_after_those_with_a_double(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.map", [(100.0 * n, 3) for n in range(10)])
    with Store.open(path, write=True) as store:  # another direction at every spot, seen by one photo alone
        lonely = [Record(Photo(f"lonely-{n}", "/x", PLANE.to_position(100.0 * n, 0.0)), "x") for n in range(10)]
        store.put(lonely, np.random.default_rng(5).normal(size=(10, DIM)).astype(np.float32))
    with Map.open(path) as city:
        plan = city.thinning(recall_budget=0.0)
    assert len(plan.removed) == 20 and not any(photo.startswith("lonely") for photo in plan.removed)
    assert plan.lost == 0


def test_the_budget_bounds_what_the_held_out_spots_lose(bursts: Path) -> None:
    with Map.open(bursts) as city:
        for budget in (0.0, 0.02, 0.1):
            plan = city.thinning(recall_budget=budget)
            assert plan.recall_before - plan.recall_after <= budget + 1e-9
            assert plan.to_json()["left"] == plan.left == plan.photos - len(plan.removed)


def test_the_same_map_gives_the_same_plan(bursts: Path) -> None:
    with Map.open(bursts) as city:
        assert city.thinning() == city.thinning()


def test_held_out_photos_are_counted_and_not_considered() -> None:
    """Photo 2 is held out. Only photo 1 finds it, but 1 goes first, since 0 answers for it."""
    none = -1
    questions = Questions(
        right=np.array([[0, 1, none], [1, 0, none], [2, 1, none]], np.int32),
        wrong=np.full((3, 3), none, np.int32),
        right_similarity=np.array([[1, 0.5, -1], [1, 0.9, -1], [1, 0.8, -1]], np.float32),
        wrong_similarity=np.full((3, 3), -1.0, np.float32),
        floor=np.full(3, 0.1, np.float32),
    )
    choice = Choice(questions, np.zeros(3, np.int64), np.array([False, False, True]))
    assert choice.held_out_found == 1
    choice.run(3, most_lost=0)
    assert choice.kept.tolist() == [True, False, False] and choice.history == [1, 0]


@pytest.mark.parametrize("budget", [-0.01, 1.0, float("nan")])
def test_a_budget_out_of_range_is_refused(bursts: Path, budget: float) -> None:
    with Map.open(bursts) as city, pytest.raises(BadInput, match="recall budget must be at least 0 %"):
        city.thinning(recall_budget=budget)


def test_a_map_of_one_photo_cannot_be_thinned(tmp_path: Path) -> None:
    with Map.open(write_map(tmp_path / "one.map", [(0.0, 1)])) as city, pytest.raises(BadInput, match="has one photo"):
        city.thinning()


# The command


def test_the_command_changes_nothing_unless_it_is_told_where_to_write(
    bursts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = bursts.read_bytes()
    assert run(["thin", str(bursts), "--recall-budget", "0%"]) == 0
    printed = capsys.readouterr().out
    assert "180 of 200 photos (90%) can go, 20 stay" in printed and "nothing was changed" in printed
    assert bursts.read_bytes() == before


def test_the_command_writes_a_thinned_map_beside_the_old_one(
    bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.map"
    assert run(["thin", str(bursts), "--recall-budget", "0", "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == str(out) and len(told["removed"]) == 180
    with Map.open(out) as small, Map.open(bursts) as whole:
        assert len(small) == 20 and len(whole) == 200
        assert set(small.store.ids()) == set(whole.store.ids()) - set(told["removed"])
    assert run(["thin", str(bursts), "-o", str(out)]) == 2
    assert "There is something at" in capsys.readouterr().err


def test_thinning_in_place_leaves_a_backup_that_undoes_it(
    bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["thin", str(bursts), "--recall-budget", "0%", "--in-place"]) == 0
    backup = tmp_path / "bursts.before-thin.map"
    assert str(backup) in capsys.readouterr().out
    with Map.open(bursts) as thinned, Map.open(backup) as before:
        assert len(thinned) == 20 and len(before) == 200


def test_a_dry_run_writes_nothing_even_with_an_output(bursts: Path, tmp_path: Path) -> None:
    assert run(["thin", str(bursts), "-o", str(tmp_path / "small.map"), "--dry-run"]) == 0
    assert not (tmp_path / "small.map").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recall-budget", "much"], "'much' is not a share such as 1% or 0.01"),
        (["--recall-budget", "150%"], "must be at least 0 % and below 100 %; got 150 %"),
        (["-o", "x.map", "--in-place"], "-o and --in-place exclude each other"),
        (["--backup", "x.map"], "--backup is for --in-place"),
        (["-o", "x.parquet"], "Choose a name that ends in .map"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    bursts: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["thin", str(bursts), *options]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_a_map_in_a_database_needs_a_place_for_its_backup(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["thin", "postgresql://host/db?map=city", "--in-place"]) == 2
    assert "needs a place for its backup" in capsys.readouterr().err
