"""Evaluations of sequences: tracks against single pictures and sequence matching, and sequences that are refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy
from PIL import Image

from viewfix import Position
from viewfix.cli import run
from viewfix.errors import BadInput
from viewfix.evaluate.datasets import Areas, Dataset, Picture, pair
from viewfix.evaluate.descriptors import EmbeddedPictures
from viewfix.evaluate.protocol import WithinFrames, WithinM, unpublished
from viewfix.evaluate.proximity import within_m
from viewfix.evaluate.run import Embedded
from viewfix.evaluate.sequences.baselines import seqslam, sum_of_similarities
from viewfix.evaluate.sequences.measure import MATCH, SEQSLAM, SINGLE, SUM, TRACK, SequenceSettings, evaluate_sequence
from viewfix.evaluate.sequences.report import sequence_page, sequence_tables, write_sequence_report
from viewfix.evaluate.sequences.result import SequenceResult
from viewfix.evaluate.sequences.ride import ride_of
from viewfix.geo import moved
from viewfix.types import View

START = Position(60.17, 24.94)
BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLACES, STEP_M = 40, 12.0


def draw(path: Path, place: int, visit: int | None = None) -> str:
    """Blocks of grey that are another pattern at each place; of a visit, half of something else."""
    blocks = np.random.default_rng(place).integers(20, 230, (6, 8, 1))
    if visit is not None:
        blocks = (7 * blocks + 19 * np.random.default_rng(5000 + visit).integers(20, 230, (6, 8, 1))) // 26
    Image.fromarray(np.repeat(blocks, 3, axis=2).repeat(4, 0).repeat(4, 1).astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture(scope="module")
def two_walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of the same walk, numbered alike."""
    root = tmp_path_factory.mktemp("walks")
    for name in ("map", "asked"):
        (root / name).mkdir()
        for place in range(PLACES):
            draw(root / name / f"{place:03d}.png", place, None if name == "map" else place)
    return root


@pytest.fixture(scope="module")
def placed(two_walks: Path) -> Dataset:
    """The two walks with positions and times, the frames in disorder."""
    at = [moved(START, 80.0, STEP_M * n) for n in range(PLACES)]
    photos = tuple(Picture(f"m{n}", str(two_walks / "map" / f"{n:03d}.png"), at[n]) for n in range(PLACES))
    frames = [
        Picture(f"q{n}", str(two_walks / "asked" / f"{n:03d}.png"), at[n], taken_at=BEGAN + timedelta(seconds=8 * n))
        for n in range(PLACES)
    ]
    mixed = tuple(frames[n] for n in np.random.default_rng(0).permutation(PLACES))
    right = within_m([each.position for each in mixed], at, 25.0)
    return Dataset("walk", photos, mixed, right, unpublished(WithinM(25.0)))


@pytest.fixture(scope="module")
def measured(placed: Dataset) -> SequenceResult:
    return evaluate_sequence(Toy(), placed, sequence=SequenceSettings("walk"))


def test_a_track_finds_more_frames_than_single_pictures(measured: SequenceResult) -> None:
    single, track = measured.method(SINGLE), measured.method(TRACK)
    assert measured.frames == len(track.answers) == PLACES
    assert 0 < single.recall < track.recall <= 1
    assert measured.times_s == tuple(8.0 * n for n in range(PLACES)) and measured.names[1] == "q1"
    assert {each.name for each in measured.methods} == {SINGLE, MATCH, SUM, SEQSLAM, TRACK}
    assert measured.method(SEQSLAM).recall > measured.method(MATCH).recall
    assert 0 <= track.calibration_error <= 1 and track.given is not None


def test_the_waits_and_the_course_of_time_are_those_of_the_answers(measured: SequenceResult) -> None:
    assert sum(each.frames for each in measured.slices) == PLACES
    counted = sum(each.recall[TRACK] * each.frames for each in measured.slices) / PLACES
    assert counted == pytest.approx(measured.method(TRACK).recall)
    assert measured.first_fix.reached and measured.recovery.reached
    for frames, seconds in (*measured.first_fix.reached, *measured.recovery.reached):
        assert seconds == 8.0 * (frames - 1)


def test_the_report_has_every_table_and_the_answer_to_every_frame(measured: SequenceResult, tmp_path: Path) -> None:
    written = write_sequence_report(tmp_path / "figures", measured)
    page, stored = written.read_text(), json.loads((tmp_path / "figures" / "result.json").read_text())
    for table in sequence_tables(measured):
        assert table.title in page
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert page.count("<svg") == 6 and "<script" not in page
    assert len(stored["methods"][0]["answers"]) == PLACES and stored["mode"] == "walk"


def test_names_of_files_are_escaped_in_the_report(measured: SequenceResult) -> None:
    page = sequence_page(replace(measured, dataset="<b>walk", notes=("<i>",)))
    assert "<b>walk" not in page and "<i>" not in page


def test_a_map_whose_photos_are_no_walk_is_measured_without_sequence_matching(placed: Dataset) -> None:
    order = np.random.default_rng(1).permutation(PLACES)
    photos = tuple(placed.map[n] for n in order)
    far = tuple(replace(each, position=moved(each.position, 0.0, 900.0 * (i % 7))) for i, each in enumerate(photos))
    right = within_m([each.position for each in placed.queries], [each.position for each in far], 25.0)
    few = replace(placed, map=far, queries=placed.queries[:8], positives=right[:8])
    found = evaluate_sequence(Toy(), few, sequence=SequenceSettings("walk"))
    assert {each.name for each in found.methods} == {SINGLE, MATCH, TRACK}
    assert any("SeqSLAM" in note for note in found.notes)


def test_the_command_compares_two_folders_of_frames(
    two_walks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "few"
    for walk in ("map", "asked"):
        (small / walk).mkdir(parents=True)
        for place in range(6):
            (small / walk / f"{place}.png").write_bytes((two_walks / walk / f"{place:03d}.png").read_bytes())
    command = ["eval", "lite0-netvlad-512", str(small / "map"), "--queries", str(small / "asked"), "--frames", "1"]
    told = [*command, "--sequence", "--mode", "walk", "--every", "3", "--report", str(tmp_path / "figures")]
    assert run(told) == 0
    out = capsys.readouterr().out
    assert "6 frames, 6 photos" in out and "Risk and coverage over time" in out and "SeqSLAM" in out
    assert "3 s apart" in out and "on a line, 4 m apart" in out
    assert (tmp_path / "figures" / "index.html").exists()
    assert run([*command, "--every", "3"]) == 2
    assert "Add --sequence" in capsys.readouterr().err
    (small / "asked" / "5.png").rename(small / "asked" / "five.png")
    (small / "asked" / "4.png").unlink()
    assert run([*command, "--sequence"]) == 2
    assert "5 queries belongs to which of 6 map pictures" in capsys.readouterr().err


def test_a_sequence_of_one_frame_is_refused(placed: Dataset) -> None:
    one = replace(placed, queries=placed.queries[:1], positives=placed.positives[:1])
    with pytest.raises(BadInput, match="two frames or more; walk has 1"):
        evaluate_sequence(Toy(), one)


@pytest.mark.parametrize(
    ("times", "said"),
    [("one without", "1 of 40 frames have no time"), ("all alike", "All 40 frames have the same time")],
)
def test_frames_without_an_order_are_refused(placed: Dataset, times: str, said: str) -> None:
    first, *others = placed.queries
    if times == "one without":
        queries = (replace(first, taken_at=None), *others)
    else:
        queries = tuple(replace(each, taken_at=BEGAN) for each in placed.queries)
    with pytest.raises(BadInput, match=said):
        evaluate_sequence(Toy(), replace(placed, queries=queries))


def test_frames_of_a_film_are_in_the_order_of_its_time(placed: Dataset) -> None:
    queries = tuple(replace(each, taken_at=None, view=View(time_s=2.0 * int(each.id[1:]))) for each in placed.queries)
    embedded = Embedded(some_pictures(placed.map), some_pictures(queries), list(placed.positives))
    ride = ride_of(embedded, 25.0)
    assert [each.id for each in ride.frames.pictures] == [f"q{n}" for n in range(PLACES)]
    assert ride.times_s.tolist() == [2.0 * n for n in range(PLACES)]
    assert ride.is_walk and ride.advance == pytest.approx(1.0, abs=0.5)
    named = ride_of(embedded, 25.0, every_s=3.0)
    assert [each.id for each in named.frames.pictures] == [each.id for each in queries], "the order of their names"
    with pytest.raises(BadInput, match="Not every frame has a position"):
        ride_of(replace(embedded, queries=some_pictures((replace(queries[0], position=None), *queries[1:]))), 25.0)


def some_pictures(pictures: tuple[Picture, ...]) -> EmbeddedPictures:
    """Pictures that count as read, without descriptors."""
    count = len(pictures)
    return EmbeddedPictures(pictures, np.arange(count), np.zeros((count, 4), np.float32), ("",) * count, ())


def test_several_areas_are_not_one_walk(placed: Dataset) -> None:
    areas = Areas(np.zeros(PLACES, np.int64), np.zeros(PLACES, np.int64))
    with pytest.raises(BadInput, match="several areas"):
        evaluate_sequence(Toy(), replace(placed, areas=areas))


@pytest.mark.parametrize("given", [{"mode": "fly"}, {"every_s": 0.0}, {"spacing_m": float("nan")}])
def test_options_of_a_sequence_out_of_range_are_refused(given: dict) -> None:
    with pytest.raises(BadInput):
        SequenceSettings(**given)


def test_two_folders_of_different_length_without_numbers_are_refused(tmp_path: Path) -> None:
    for walk, count in (("a", 4), ("b", 3)):
        (tmp_path / walk).mkdir()
        for n in range(count):
            draw(tmp_path / walk / f"{'abcd'[n]}.png", n)
    with pytest.raises(BadInput, match="3 queries belongs to which of 4 map pictures"):
        pair(tmp_path / "a", tmp_path / "b", frames=1)


# The baselines


def ridden(advance: float, misleading: int) -> np.ndarray:
    """(20, 60) similarities of a ride; one photo of the map is always the most similar."""
    similarities = np.random.default_rng(2).uniform(0.0, 0.3, (20, 60))
    for frame in range(20):
        similarities[frame, round(5 + advance * frame)] += 0.4
    similarities[:, misleading] = 0.9
    return similarities


@pytest.mark.parametrize("advance", [1.0, 2.0])
def test_seqslam_follows_the_way_where_one_photo_is_always_the_most_similar(advance: float) -> None:
    found = seqslam(ridden(advance, 58), advance)
    assert found.rows[9:].tolist() == [round(5 + advance * frame) for frame in range(9, 20)]
    assert (found.margins[9:] > 0).all()


def test_the_sum_of_similarities_is_that_of_the_definition() -> None:
    similarities = np.random.default_rng(4).normal(size=(12, 30))
    found = sum_of_similarities(similarities, 1.0)
    sums = [np.mean([similarities[11 - back, end - back] for back in range(10)]) for end in range(9, 30)]
    short = [
        np.mean([similarities[11 - back, end - back] for back in range(end + 1)]) for end in range(4, 9)
    ]  # half of the sequence lies before the map
    assert found.rows[11] == 4 + int(np.argmax([*short, *sums]))


def test_a_frame_beside_the_map_has_an_answer_of_seqslam_too() -> None:
    assert len(seqslam(np.full((3, 4), 0.5), 1.0).rows) == 3
    assert WithinFrames(2).frames == 2
