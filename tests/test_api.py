"""The public names of viewfix, and what `Map` does with every kind of argument."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy, photos_of
from PIL import Image

import viewfix
from viewfix import BadInput, Evidence, Fix, Map, Photo, Position, Skipped, View, ViewfixError
from viewfix.cli import locate as cli_locate
from viewfix.embed import ingest as ingest_module
from viewfix.locate import options
from viewfix.locate.decide import decide
from viewfix.locate.options import QueryOptions
from viewfix.store.store import Store

PUBLIC = {
    "Added", "BadInput", "Box", "Calibration", "Camera", "Candidate", "Circle", "Evidence", "Explanation", "Fetched",
    "Fix", "Map", "MapBusy", "MissingExtra", "Model", "ModelMismatch", "Nearby", "NotAMap", "Photo", "PointOfInterest",
    "Position", "Reach", "Region", "ServiceOptions", "Skipped", "SourceOptions", "StorageFailed", "Track", "TrackFix",
    "UnknownModel", "UnreadablePhoto", "View", "ViewfixError", "__version__", "fetch", "open_service", "set_device",
}  # fmt: skip


def test_star_import_and_dir_offer_the_same_names_as_the_documentation() -> None:
    names: dict[str, object] = {}
    exec("from viewfix import *", names)
    assert set(names) - {"__builtins__"} == set(dir(viewfix)) == set(viewfix.__all__) == PUBLIC


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Mapp"):
        _ = viewfix.Mapp


def test_the_defaults_of_a_query_are_the_same_in_the_shell_and_in_python() -> None:
    """The shell writes them a second time so that --help needs no numpy."""
    assert (cli_locate.CANDIDATES, cli_locate.NEAR_RADIUS_M) == (options.CANDIDATES, options.NEAR_RADIUS_M)
    defaults = {each.name: each.default for each in cli_locate.command.params}
    assert defaults["k"] == QueryOptions().k
    assert defaults["verify"] == QueryOptions().verify


def test_a_list_of_paths_and_a_glob_result_build_the_map_that_the_folder_builds(
    street: Path, tmp_path: Path, toy: Toy
) -> None:
    files = photos_of(street)
    with (
        Map.build(tmp_path / "a.map", files, model=toy) as listed,
        Map.build(tmp_path / "b.map", [str(file) for file in files], model=toy) as named,
        Map.build(tmp_path / "c.map", street, model=toy) as whole,
    ):
        assert len(listed) == len(named) == len(whole) == len(files)


def test_a_list_that_holds_a_path_that_does_not_exist_is_refused_by_name(
    street: Path, tmp_path: Path, toy: Toy
) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.jpg") as error:
        Map.build(tmp_path / "a.map", [*photos_of(street), tmp_path / "nowhere.jpg"], model=toy)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a.map").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0}, {"k": 2.5}, {"k": "three"}, {"near": (1,)}, {"near": 5}, {"near": ("a", "b")}, {"near": (95.0, 0.0)},
        {"box": (1, 2, 3)}, {"near": (1, 2), "box": (1, 2, 3, 4)}, {"verify": "perhaps"}, {"budget_ms": -1},
        {"budget_ms": "long"}, {"least_confidence": 2}, {"least_confidence": "high"}, {"false_accepts": 0},
    ],
)  # fmt: skip
def test_every_wrong_argument_is_one_line(wrong: dict, city: Map, street: Path) -> None:
    with pytest.raises(ViewfixError) as error:
        city.locate(photos_of(street)[0], **wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [np.zeros(3, np.float32), "text", None, np.array(["a"])])
def test_a_descriptor_of_the_wrong_kind_is_one_line(wrong: object, city: Map) -> None:
    with pytest.raises(BadInput) as error:
        city.locate_descriptor(wrong)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_near_takes_a_place_without_a_radius(city: Map, street: Path) -> None:
    at = next(city.photos()).position
    photo = photos_of(street)[0]
    assert city.locate(photo, near=(at.lat, at.lon)) == city.locate(photo, near=(at.lat, at.lon, 500.0))


def test_many_photos_are_located_in_order_and_an_unreadable_one_is_skipped(
    city: Map, street: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    asked = [*photos_of(street)[:12], tmp_path / "broken.jpg"]
    told: list[int] = []
    city._progress = lambda stage, done, total: told.append(done)
    answers = list(city.locate_all(asked, k=3, verify="off"))
    assert [photo for photo, _ in answers] == asked
    assert [fix for _, fix in answers[:-1]] == [city.locate(photo, k=3, verify="off") for photo in asked[:-1]]
    assert isinstance(answers[-1][1], Skipped)
    assert told == list(range(1, len(asked) + 1))


def test_evidence_names_places_and_deciding_on_it_is_the_answer(city: Map, street: Path) -> None:
    picture = np.asarray(Image.open(photos_of(street)[3]))
    evidence = city.evidence(picture, verify="off")
    assert isinstance(evidence, Evidence)
    assert len(evidence.places) > 1
    assert len({place.position for place in evidence.places}) == len(evidence.places)
    members = [i for place in evidence.places for i in place.consensus.members]
    assert len(members) == len(set(members)), "a candidate stands behind one place"
    first = evidence.places[0]
    assert first.log_likelihood_ratio == pytest.approx(np.log(first.probability / (1 - first.probability)))
    assert evidence.candidates_of(first)[0] == evidence.candidates[first.consensus.best]
    fix = city.locate(picture, verify="off")
    assert decide(evidence, city.calibration, QueryOptions(verify="off")) == fix


def test_a_photo_that_is_in_the_map_is_told_so(city: Map, street: Path) -> None:
    file = photos_of(street)[5]
    fix = city.locate(file)
    assert f"this very photo is in the map, as {file.name}" in fix.reason
    assert "this very photo" not in city.locate(np.asarray(Image.open(file))).reason, "pixels alone are not the file"


def test_a_photo_in_the_map_is_answered_by_the_others_where_they_show_its_place(tmp_path: Path, toy: Toy) -> None:
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    photos = []
    for number in range(12):
        file = tmp_path / f"{number}.png"
        Image.fromarray(np.clip(base.astype(int) + rng.integers(-4, 5, base.shape), 0, 255).astype(np.uint8)).save(file)
        photos.append(Photo(file.name, str(file), Position(50.0, 10.0 + 1e-5 * number)))
    with Map.build(tmp_path / "a.map", photos, model=toy) as city:
        fix = city.locate(tmp_path / "0.png", verify="off", least_confidence=0.0)
    assert "by the others" in fix.reason
    assert fix.candidates[0].photo.id == "0.png"
    assert fix.position is not None
    assert fix.position.lon > 10.0, "the other photos stand to the east"


def test_maps_and_fixes_show_themselves(city: Map, street: Path) -> None:
    assert repr(city) == f"<Map {city.path}: {len(city)} photos, toy>"
    assert f"{len(city)} photos, toy" in city._repr_html_()
    fix = Fix(None, 0.2, (), "<script>alert(1)</script>")
    assert "<script>" not in fix._repr_html_()
    assert photos_of(street)[0].name in city.locate(photos_of(street)[0])._repr_html_()


def panorama(path: Path) -> Path:
    """A sphere whose four quarters differ."""
    picture = np.zeros((128, 256, 3), np.uint8)
    for quarter, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40)]):
        picture[::2, 64 * quarter : 64 * (quarter + 1)] = colour
        picture[:, 64 * quarter :: 7] = 255
    Image.fromarray(picture).save(path)
    return path


def view_of(file: Path, heading_deg: int, yaw_deg: int) -> Photo:
    view = View(yaw_deg=float(yaw_deg), field_of_view_deg=90.0)
    return Photo(f"{file.name}#{heading_deg}", str(file), Position(50, 10), float(heading_deg), view=view)


def test_one_panorama_file_is_four_photos(tmp_path: Path, toy: Toy) -> None:
    file = panorama(tmp_path / "sphere.png")
    views = [view_of(file, yaw, yaw) for yaw in (0, 90, 180, 270)]
    with Map.build(tmp_path / "a.map", views, model=toy) as city:
        assert (city.last_added.added, city.last_added.unchanged) == (4, 0)
        descriptors = city.store.descriptors(city.store.rows())
        assert len({row.tobytes() for row in descriptors}) == 4, "each is described by its own part"
        assert city.remove(["sphere.png#90"]) == 1
        assert city.add(views).added == 1
        assert (city.add(views).unchanged, len(city)) == (4, 4)
        turned = [view_of(file, 0, 45), *views[1:]]
        assert city.add(turned).replaced == 1, "another view under an id is another picture"
        assert {photo.view.yaw_deg for photo in city.photos() if photo.view} == {45.0, 90.0, 180.0, 270.0}


def test_four_headings_of_one_file_without_a_view_are_four_photos_too(tmp_path: Path, toy: Toy) -> None:
    file = panorama(tmp_path / "sphere.png")
    photos = [Photo(f"p{yaw}", str(file), Position(50, 10), float(yaw)) for yaw in (0, 90, 180, 270)]
    with Map.build(tmp_path / "a.map", photos, model=toy) as city:
        assert (city.last_added.added, len(city)) == (4, 4)


def test_adding_asks_the_store_a_few_times_a_batch_and_not_a_photo(
    city: Map, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    kind = type(city.store)
    for name in ("known", "ids_of_sources"):
        whole = getattr(kind, name)
        monkeypatch.setattr(
            kind, name, lambda self, *given, _whole=whole, _name=name: (calls.append(_name), _whole(self, *given))[1]
        )
    count = len(photos_of(street))
    with Store.open(city.path, write=True) as store:
        added = ingest_module.ingest(city.photos(), store, city.model)
    assert added.unchanged == count
    assert len(calls) <= 4 * (1 + count // ingest_module.LOOK_AHEAD)


def test_the_help_of_every_first_step_needs_no_numpy() -> None:
    code = "import sys; from viewfix.cli import run; run(['locate', '--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith("False")
    alone = subprocess.run([sys.executable, "-m", "viewfix"], capture_output=True, text=True, check=False)
    assert alone.returncode == 0
    assert "Commands" in alone.stdout
