"""Alignment corrects what many neighbours contradict, leaves the rest alone, and can be undone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viewfix import BadInput, Map, MissingExtra, Photo, Position
from viewfix.align import Alignment, Correction, apply_alignment, plan_alignment, undo_alignment
from viewfix.align.pairs import Sighting
from viewfix.align.plan import judge
from viewfix.cli import run
from viewfix.demo.town import Town, Viewpoint, write_views
from viewfix.geo import Plane, distance_m
from viewfix.locate import geometry

PLANE = Plane(Position(50.0, 20.0))
needs_geometry = pytest.mark.skipif(not geometry.available(), reason="PoseLib has no wheel for this platform")


def street(count: int = 7, step_m: float = 6.0) -> list[Photo]:
    """Photos along a street that all look across it, to the north."""
    return [Photo(f"{n}.jpg", f"/{n}.jpg", PLANE.to_position(step_m * n, 0.0), 0.0) for n in range(count)]


def sightings_of(photos: list[Photo], *, inliers: int = 70) -> list[list[Sighting]]:
    """What each photo says about the others, if all are recorded rightly: where they stand and where they look."""
    points = PLANE.to_xy_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    said: list[list[Sighting]] = []
    for i, photo in enumerate(photos):
        others = [j for j in range(len(photos)) if j != i]
        east, north = (points[i] - points[others]).T
        bearings = np.degrees(np.arctan2(east, north))
        said.append(
            [
                Sighting(
                    j,
                    photo.heading_deg - photos[j].heading_deg,
                    float(bearing) - photos[j].heading_deg,
                    inliers,
                    float(bearing) + 180 - photo.heading_deg,
                )
                for j, bearing in zip(others, bearings, strict=True)
            ]
        )
    return said


def judged(photos: list[Photo], said: list[list[Sighting]]) -> Alignment:
    points = PLANE.to_xy_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    return judge(photos, said, points)


def test_a_street_that_is_recorded_rightly_is_left_alone() -> None:
    photos = street()
    found = judged(photos, sightings_of(photos))
    assert found.corrections == () and found.photos == found.judged == 7


@pytest.mark.parametrize("error_deg", [25.0, 90.0, 180.0, -140.0])
def test_a_wrong_heading_is_corrected_and_no_other(error_deg: float) -> None:
    photos = street()
    said = sightings_of(photos)
    photos[3] = replace(photos[3], heading_deg=error_deg % 360)
    [correction] = judged(photos, said).corrections
    assert correction.photo_id == "3.jpg" and correction.position == photos[3].position
    assert correction.heading_before_deg == error_deg % 360 and correction.turned_deg == pytest.approx(abs(error_deg))
    assert min(correction.heading_deg, 360 - correction.heading_deg) < 1
    assert correction.voices == 6


def test_an_unknown_heading_is_filled_in() -> None:
    photos = street()
    said = sightings_of(photos)
    photos[2] = replace(photos[2], heading_deg=None)
    [correction] = judged(photos, said).corrections
    assert correction.heading_before_deg is None and min(correction.heading_deg, 360 - correction.heading_deg) < 1
    assert "unknown before" in str(correction)


def test_a_wrong_position_is_corrected_and_no_other() -> None:
    photos = street()
    said = sightings_of(photos)
    truth = photos[3].position
    photos[3] = replace(photos[3], position=PLANE.to_position(18.0, 32.0))
    [correction] = judged(photos, said).corrections
    assert correction.photo_id == "3.jpg" and correction.heading_deg == photos[3].heading_deg
    assert distance_m(correction.position, truth) < 7 and 25 < correction.moved_m < 40
    assert "moved" in str(correction)


def test_small_errors_are_left_alone() -> None:
    photos = street()
    said = sightings_of(photos)
    photos[1] = replace(photos[1], heading_deg=12.0)
    photos[5] = replace(photos[5], position=PLANE.to_position(30.0, 8.0))
    assert judged(photos, said).corrections == ()


def test_weak_evidence_changes_nothing() -> None:
    photos = street()
    wrong = [*photos[:3], replace(photos[3], heading_deg=90.0), *photos[4:]]
    poor = [[replace(one, back_deg=None) for one in each[:2]] for each in sightings_of(photos, inliers=25)]
    assert judged(wrong, poor).corrections == ()
    few = [each[:1] for each in sightings_of(photos)]
    assert judged(wrong, few).corrections == () and judged(wrong, few).judged == 0


def test_two_sure_neighbours_are_enough_if_all_directions_fit_and_not_if_they_do_not() -> None:
    photos = street()
    said = [each[:2] for each in sightings_of(photos)]
    wrong = [*photos[:6], replace(photos[6], heading_deg=180.0)]
    assert [each.photo_id for each in judged(wrong, said).corrections] == ["6.jpg"]
    said[6] = [replace(each, towards_deg=each.towards_deg + 90, back_deg=None) for each in said[6]]
    assert judged(wrong, said).corrections == ()


def test_a_place_that_looks_alike_in_both_directions_changes_nothing() -> None:
    """Of two photos at one spot, back to back, one seems to show what the other does: the two sides of a church."""
    photos = street()
    said = sightings_of(photos)
    opposite = replace(photos[3], id="back.jpg", heading_deg=180.0)
    said.append([replace(each) for each in said[3]])
    said[-1].append(Sighting(3, 0.0, 0.0, 90, 0.0))
    corrections = judged([*photos, opposite], said).corrections
    assert corrections == ()


def test_neighbours_that_contradict_each_other_change_nothing() -> None:
    photos = street()
    said = sightings_of(photos)
    said[3] = [replace(each, turn_deg=each.turn_deg + 60 * n) for n, each in enumerate(said[3])]
    photos[3] = replace(photos[3], heading_deg=200.0)
    assert "3.jpg" not in [each.photo_id for each in judged(photos, said).corrections]


def test_several_wrong_photos_do_not_drag_the_others_along() -> None:
    photos = street(12)
    said = sightings_of(photos)
    given = [replace(p, heading_deg=120.0) if n in (2, 7) else p for n, p in enumerate(photos)]
    assert [each.photo_id for each in judged(given, said).corrections] == ["2.jpg", "7.jpg"]


# Writing


def correction_of(city: Map, photo_id: str, **changes: object) -> Correction:
    photo = city.store.known([photo_id])[photo_id].photo
    same = {"heading_deg": photo.heading_deg, "position": photo.position} | changes
    return Correction(photo_id, photo.heading_deg, same["heading_deg"], photo.position, same["position"], 4, 9.0)


def test_corrections_are_written_and_undone(city: Map) -> None:
    before = {photo.id: photo for photo in city.photos()}
    first, second = list(before)[:2]
    moved = Plane(before[second].position).to_position(20.0, 0.0)
    plan = [correction_of(city, first, heading_deg=77.0), correction_of(city, second, position=moved)]
    assert apply_alignment(city.address, plan) == 2
    after = {photo.id: photo for photo in city.photos()}
    assert after[first].heading_deg == 77.0 and distance_m(after[second].position, moved) < 0.01
    assert {k: v for k, v in after.items() if k not in (first, second)} == {
        k: v for k, v in before.items() if k not in (first, second)
    }
    again = [correction_of(city, first, heading_deg=99.0)]
    assert apply_alignment(city.address, again) == 1
    assert undo_alignment(city.address) == 2
    back = {photo.id: photo for photo in city.photos()}
    assert back == before
    with pytest.raises(BadInput, match="nothing to undo"):
        undo_alignment(city.address)


def test_a_photo_that_changed_or_went_meanwhile_is_left_alone(city: Map) -> None:
    first, second = city.store.ids()[:2]
    plan = [correction_of(city, first, heading_deg=77.0), correction_of(city, second, heading_deg=77.0)]
    city.remove([second], calibrate=False)
    record = city.store.known([first])[first]
    apply_alignment(city.address, [correction_of(city, first, heading_deg=5.0)])
    assert apply_alignment(city.address, plan) == 0
    assert city.store.known([first])[first].photo.heading_deg == 5.0
    assert record.photo.heading_deg != 5.0


# The command


@needs_geometry
def test_the_command_finds_a_camera_that_was_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    town = Town.tiny()
    place, heading = next(iter(town._points(30.0)))
    along = math.radians(heading)
    views = [
        Viewpoint(
            f"{n:02d}", place[0] + 3.0 * n * math.sin(along), place[1] + 3.0 * n * math.cos(along), (heading + 90) % 360
        )
        for n in range(8)
    ]
    folder = tmp_path / "photos"
    folder.mkdir()
    write_views(town, views, folder, width_px=400, height_px=300)
    path = tmp_path / "street.map"
    with Map.build(path, folder) as city:
        [wrong] = [photo for photo in city.photos() if photo.id.startswith("04")]
        turned = [correction_of(city, wrong.id, heading_deg=(wrong.heading_deg + 110) % 360)]
    apply_alignment(path, turned)
    assert run(["align", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == 0 and [each["id"] for each in told["corrections"]] == [wrong.id]
    [correction] = told["corrections"]
    assert abs((correction["heading_deg"] - wrong.heading_deg + 180) % 360 - 180) < 12
    assert run(["align", str(path), "--apply"]) == 0
    printed = capsys.readouterr().out
    assert "1 photo corrected" in printed and "1 headings and 0 positions to correct" in printed
    assert run(["align", str(path), "--undo"]) == 0
    assert "1 photo as before" in capsys.readouterr().out


def test_bad_input_is_one_clear_line(
    city: Map, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["align", str(city.address), "--apply", "--undo"]) == 2
    assert "--apply, --undo and --dry-run exclude each other" in capsys.readouterr().err
    assert run(["align", str(city.address), "--undo"]) == 2
    assert "nothing to undo" in capsys.readouterr().err
    assert run(["align", str(tmp_path / "none.map")]) == 2
    capsys.readouterr()
    with pytest.raises(MissingExtra, match=r"pip install 'viewfix\[verify\]'"):
        plan_alignment(replace(city.context, verifier=None))


@needs_geometry
def test_maps_without_neighbours_are_refused(city: Map) -> None:
    far = replace(next(iter(city.photos())), id="far.jpg", position=Position(10.0, 20.0))
    city.add([far], calibrate=False)
    with pytest.raises(BadInput, match="km apart. Align one place at a time"):
        plan_alignment(city.context)
    city.remove(city.store.ids()[1:], calibrate=False)
    with pytest.raises(BadInput, match="fewer than two photos"):
        plan_alignment(city.context)
