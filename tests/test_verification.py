"""Verification: what is verified and when, odd queries, explanations, and the promised rate of false answers."""

import copy
import dataclasses
import pickle
import shutil
import time
import weakref
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED
from PIL import Image, ImageDraw

from viewfix import Candidate, Fix, Map, Photo, Position
from viewfix.cli import run
from viewfix.demo import light
from viewfix.demo.town import Town, write_views
from viewfix.errors import BadInput, StorageFailed
from viewfix.geo import Circle, distance_m, moved
from viewfix.locate import geometry
from viewfix.store.records import Record
from viewfix.store.store import Store

WIDTH_PX, HEIGHT_PX = 320, 240


@pytest.fixture(scope="module")
def photos(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_views(town, town.map_views(step_m=15), folder, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    return folder


@pytest.fixture(scope="module")
def path(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("map") / "town.map"
    Map.build(target, photos).close()
    return target


@pytest.fixture
def own(path: Path, tmp_path: Path) -> Path:
    """A copy of the map that a test may change."""
    return Path(shutil.copy(path, tmp_path / "own.map"))


def visit(town: Town, number: int = 6, *, turn_deg: float = 12, dark: bool = False) -> np.ndarray:
    """A photo taken a step aside from where the map was taken, looking another way."""
    view = town.map_views(step_m=15)[number]
    hour = light.DUSK if dark else light.AFTERNOON
    aside = replace(view, east_m=view.east_m + 1.2, heading_deg=view.heading_deg + turn_deg, light=hour)
    return town.render(aside, width_px=WIDTH_PX, height_px=HEIGHT_PX)


def inliers(fix: Fix) -> list[int]:
    return [c.inliers for c in fix.candidates if c.inliers is not None]


def doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify every query, however certain similarity is."""
    monkeypatch.setattr("viewfix.locate.query.SURE", 2.0)


@pytest.mark.parametrize("how", ["fast", "accurate"])
def test_the_right_place_has_many_inliers_and_another_place_few(
    how: str, path: Path, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(monkeypatch)
    with Map.open(path) as city:
        fix = city.locate(visit(town), verify=how)
        stranger = Town.elsewhere().render(Town.elsewhere().query_views(1)[0], width_px=WIDTH_PX, height_px=HEIGHT_PX)
        other = city.locate(stranger, verify=how)
    assert max(inliers(fix)) > 40 > max(inliers(other))
    assert fix.found
    assert not other.found
    assert "local features agree" in fix.reason


def test_nothing_is_verified_if_similarity_is_certain(path: Path, photos: Path) -> None:
    with Map.open(path) as city:
        assert inliers(city.locate(next(photos.glob("*.jpg")))) == []
        assert inliers(city.locate(next(photos.glob("*.jpg")), verify="off")) == []


class Clock:
    """Stands in for the time module, so that a busy machine does not decide the outcome."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_time_budget_is_honoured(path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    with Map.open(path) as city:
        picture = visit(town)
        city.locate(picture)  # warm
        assert inliers(city.locate(picture, budget_ms=1)) == []
        everything = len(inliers(city.locate(picture)))
        assert everything >= 3, "without a limit there is something to cut short"
        verifier = city.context.verifier
        assert verifier is not None
        verifier._extraction_s, verifier._pair_s = 0.001, 0.001
        clock, match, calls = Clock(), verifier.model.match, []
        for module in ("query", "verify"):
            monkeypatch.setattr(f"viewfix.locate.{module}.time", clock)

        def slow(*given: object) -> object:
            calls.append(given)
            clock.now_s += 0.3
            return match(*given)

        monkeypatch.setattr(verifier.model, "match", slow)
        some = len(inliers(city.locate(picture, budget_ms=600)))
        assert some == len(calls) == 2, "two pairs use up the time, so a third is not begun"


def test_one_slow_moment_does_not_switch_verification_off_for_ever(path: Path) -> None:
    with Map.open(path) as city:
        verifier = city.context.verifier
        assert verifier is not None
        verifier._extraction_s = 20.0  # the machine slept
        candidate = Candidate(next(city.photos()), 0.9)
        tries = [verifier.fits(candidate, time.monotonic() + 0.5) for _ in range(60)]
    assert not tries[0]
    assert tries[-1]


def test_one_slow_moment_only_doubles_what_is_expected(path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    with Map.open(path) as city:
        city.locate(visit(town))
        verifier = city.context.verifier
        assert verifier is not None
        usual_s, extract = verifier._extraction_s, verifier.model.extract

        def slow(picture: np.ndarray) -> object:
            time.sleep(5 * usual_s)
            return extract(picture)

        monkeypatch.setattr(verifier.model, "extract", slow)
        city.locate(visit(town))
        assert verifier._extraction_s <= 2 * usual_s


def test_a_short_budget_is_not_spent_on_candidates_that_would_take_longer(path: Path, town: Town) -> None:
    with Map.open(path) as city:
        verifier = city.context.verifier
        assert verifier is not None
        verifier._extraction_s, verifier._pair_s = 1.0, 0.5
        candidate = Candidate(next(city.photos()), 0.9)
        assert not verifier.fits(candidate, time.monotonic() + 2.0), "its photo has to be looked at too"
        [identity] = verifier.features.identities([candidate.photo.id]).values()
        verifier.features.keep({identity: verifier.query_features(visit(town)).features})
        verifier._extraction_s, verifier._pair_s = 1.0, 0.5
        assert verifier.fits(candidate, time.monotonic() + 2.0)


def test_a_verified_fix_has_the_heading_of_the_query(path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    view = town.map_views(step_m=15)[6]
    with Map.open(path) as city:
        picture = visit(town, turn_deg=15)
        verified, alike = (city.locate(picture, verify=how, least_confidence=0) for how in ("accurate", "off"))
    truth = view.heading_deg + 15

    def off_deg(fix: Fix) -> float:
        assert fix.heading_deg is not None
        return abs((fix.heading_deg - truth + 180) % 360 - 180)

    assert off_deg(verified) < 8 < off_deg(alike)


ODD = {
    "a blank wall": np.full((HEIGHT_PX, WIDTH_PX, 3), 200, np.uint8),
    "the sky": np.repeat(np.linspace([90, 140, 220], [200, 220, 250], HEIGHT_PX)[:, None], WIDTH_PX, 1).astype(
        np.uint8
    ),
    "one pixel": np.full((1, 1, 3), 77, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3)).astype(np.uint8),
}


def page_of_text() -> np.ndarray:
    page = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "white")
    for line in range(14):
        ImageDraw.Draw(page).text((8, 8 + 16 * line), "Take a photo, get the place. " * 2, fill="black")
    return np.asarray(page)


@pytest.mark.parametrize("what", [*ODD, "text"])
def test_a_picture_that_shows_no_place_is_rejected(what: str, path: Path) -> None:
    with Map.open(path) as city:
        picture = page_of_text() if what == "text" else ODD[what]
        fix = city.locate(picture)
        assert not fix.found
        assert fix.confidence < 0.5
        assert "<svg" in city.explain(picture).html()


@pytest.mark.parametrize("what", ["mirrored", "upside down"])
def test_an_upside_down_photo_is_located_correctly_or_rejected(what: str, path: Path, town: Town) -> None:
    picture = visit(town)
    odd = picture[:, ::-1] if what == "mirrored" else picture[::-1, ::-1]
    with Map.open(path) as city:
        fix = city.locate(np.ascontiguousarray(odd))
    place = town.position(town.map_views(step_m=15)[6])
    assert not fix.found or distance_m(fix.position, place) <= (fix.position.radius_m or 0)


def test_a_photo_taken_at_dusk_is_found_or_rejected_never_misplaced(path: Path, town: Town) -> None:
    with Map.open(path) as city:
        for number in (2, 6, 9):
            fix = city.locate(visit(town, number, dark=True))
            place = town.position(town.map_views(step_m=15)[number])
            assert not fix.found or distance_m(fix.position, place) <= (fix.position.radius_m or 0)


@pytest.mark.skipif(not (SHARED / "gardens_point").is_dir(), reason=f"no photos in {SHARED}; set VIEWFIX_DATA")
def test_real_photos_at_night_are_located_correctly_or_rejected(tmp_path: Path) -> None:
    start = Position(-27.4772, 153.0290)
    day, night = (sorted((SHARED / "gardens_point" / name).glob("*.jpg"))[::4] for name in ("day_left", "night_right"))
    known = [Photo(str(n), str(file), moved(start, 90, 60.0 * n)) for n, file in enumerate(day)]
    with Map.build(tmp_path / "walk.map", known) as walk:
        fixes = [walk.locate(file) for file in night]
    right = [distance_m(fix.position, known[n].position) <= 60 for n, fix in enumerate(fixes) if fix.position]
    assert right
    assert all(right)


def test_two_streets_that_look_the_same_lower_the_confidence(photos: Path, tmp_path: Path) -> None:
    """Every photo twice, in two towns 5 km apart: they cannot be distinguished, and the probability must show it."""
    with Map.build(tmp_path / "one.map", photos) as one:
        here = list(one.photos())
    there = [
        replace(each, id=f"twin/{each.id}", source=str(shutil.copy(each.source, tmp_path / each.id.replace("/", "_"))),
                position=moved(each.position, 90, 5000))
        for each in here
    ]  # fmt: skip
    with Map.build(tmp_path / "both.map", [*here, *there]) as both:
        for each in here[::7]:
            assert both.locate(each.source).confidence < 0.5


def test_features_are_computed_once_and_kept_in_the_map(own: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    with Map.open(own) as city:
        fix = city.locate(visit(town))
        kept = city.store.local_features(city.context.verifier.features.cache._fingerprint)
        ids = [c.photo.id for c in fix.candidates[: len(inliers(fix))]]
        assert kept.load([(r.photo.id, r.content_hash) for r in city.store.known(ids).values()])
    with Map.open(own) as city:
        computed = []
        monkeypatch.setattr(
            type(city.context.verifier.features), "_from_source", lambda self, photo, identity: computed.append(photo)
        )
        assert inliers(city.locate(visit(town))) == inliers(fix), "from the map, to the last inlier"
        assert not computed
    assert sorted(file.name for file in own.parent.glob("own.map*")) in (["own.map"], ["own.map", "own.map.index"])


def test_without_the_photos_a_map_answers_by_similarity_unless_it_keeps_all(
    photos: Path, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(monkeypatch)
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    assert run(["build", str(tmp_path / "a.map"), str(folder), "-q"]) == 0
    assert run(["build", str(tmp_path / "b.map"), str(folder), "-q", "--local-features"]) == 0
    extra = town.render(town.map_views(step_m=15)[0], width_px=WIDTH_PX, height_px=HEIGHT_PX)
    with Image.open(next(folder.glob("*.jpg"))) as taken:
        Image.fromarray(extra).save(tmp_path / "new.jpg", exif=taken.getexif())
    with Map.open(tmp_path / "b.map") as complete:
        assert complete.add(tmp_path / "new.jpg").added == 1
    shutil.rmtree(folder)
    (tmp_path / "new.jpg").unlink()
    with Map.open(tmp_path / "a.map") as without, Map.open(tmp_path / "b.map") as complete:
        assert inliers(without.locate(visit(town))) == []
        assert max(inliers(complete.locate(visit(town)))) > 40
        kept = complete.context.verifier.features
        assert kept.known(kept.identities(["new.jpg"]).values()), "what comes later is kept too"


def test_a_photo_replaced_by_another_process_is_verified_with_its_new_features(
    own: Path, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(monkeypatch)
    with Map.open(own) as reader:
        best = reader.locate(visit(town)).candidates[0].photo
        features = reader.context.verifier.features
        assert features.known(features.identities([best.id]).values())
        with Store.open(own, write=True) as writer:
            [row] = [row for row, at in zip(writer.rows(), writer.ids(), strict=True) if at == best.id]
            writer.put([Record(best, content_hash="z" * 32)], writer.descriptors([row]))
        assert not features.known(features.identities([best.id]).values()), "not those of the photo that is gone"


def test_a_photo_that_changed_on_disk_is_not_verified(
    photos: Path, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(monkeypatch)
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    with Map.build(tmp_path / "a.map", folder) as city:
        for file in folder.glob("*.jpg"):
            Image.fromarray(ODD["noise"]).save(file)
        assert inliers(city.locate(visit(town))) == []


def test_without_poselib_maps_use_similarity_alone(path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    monkeypatch.setattr(geometry, "available", lambda: False)
    with Map.open(path) as city:
        fix = city.locate(visit(town))
        assert fix.candidates
        assert inliers(fix) == []
        assert "<svg" in city.explain(visit(town)).html()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"verify": "carefully"}, "accurate, fast, off"),
        ({"budget_ms": 0}, "more than 0"),
        ({"budget_ms": float("nan")}, "more than 0"),
        ({"false_accepts": 0.01, "least_confidence": 0.3}, "one of them"),
        ({"false_accepts": 2.0}, "less than 1"),
        ({"false_accepts": 0.01, "near": (50, 20, 100)}, "within a region"),
        ({"false_accepts": 0.01}, "too small to be calibrated"),
    ],
)
def test_an_invalid_verification_option_is_refused_in_one_line(asked: dict, said: str, own: Path, town: Town) -> None:
    with Map.open(own) as city:
        stored = city.store.meta("calibration")
        assert not stored["outside_scores"], "a town of this size is not calibrated"
        with pytest.raises(BadInput, match=said) as error:
            city.locate(visit(town), **asked)
    assert "\n" not in str(error.value)


def test_the_out_of_map_threshold_is_used(own: Path, town: Town) -> None:
    with Map.open(own) as city:
        seen = city.locate(visit(town), verify="off").confidence
        stored = city.store.meta("calibration")
        for score, found in ((seen, False), (seen - 1e-6, True)):
            with type(city.store).open(own, write=True) as writer:
                writer.set_meta("calibration", {**stored, "outside_scores": {"off": [score] * 100}})
            assert city.locate(visit(town), verify="off", false_accepts=0.01).found is found


# Explaining


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)


def test_an_answer_can_be_explained(path: Path, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    with Map.open(path) as city:
        fix = city.locate(visit(town), k=4)
        why = city.explain(visit(town), k=4)
        assert why.fix == fix
        assert len(why.pairs) == 4
        odds = sum(number.part for number in why.numbers)
        assert 1 / (1 + np.exp(-odds)) == pytest.approx(fix.confidence)
        for pair in why.pairs[: len(inliers(fix))]:
            assert pair.candidate.inliers is not None
            assert len(pair.query_points) == len(pair.candidate_points) == len(pair.agree)
            assert pair.query_points.max() <= WIDTH_PX
        why.save(tmp_path / "why.html")
        parsed = Texts()
        parsed.feed((tmp_path / "why.html").read_text())
        assert "svg" in parsed.tags
        assert fix.candidates[0].photo.id in parsed.text
        with pytest.raises(StorageFailed):
            why.save(tmp_path / "no" / "folder.html")


def test_an_answer_can_be_pickled_without_its_map(path: Path, town: Town) -> None:
    with Map.open(path) as city:
        fix = city.locate(visit(town))
        assert dataclasses.asdict(fix)["confidence"] == fix.confidence
        assert copy.deepcopy(fix) == fix
    assert pickle.loads(pickle.dumps(fix)) == fix


def test_an_answer_does_not_keep_its_picture_in_memory(path: Path) -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    with Map.open(path) as city:
        fix = city.locate(picture)
        alive = weakref.ref(picture)
        del picture
        assert fix.candidates
        assert alive() is None


def test_the_command_line_writes_a_page_for_every_photo(
    path: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(file) for file in sorted(photos.glob("*.jpg"))[:2]]
    assert run(["locate", str(path), files[0], "--explain", str(tmp_path / "why.html"), "--verify", "fast"]) == 0
    assert "why.html" in capsys.readouterr().out
    assert "</html>" in (tmp_path / "why.html").read_text()
    assert run(["locate", str(path), *files, "--explain", str(tmp_path / "pages"), "--json"]) == 0
    assert len(list((tmp_path / "pages").glob("*.html"))) == 2
    assert run(["locate", str(path), files[0], "--false-accepts", "0.01"]) == 2
    assert "too small to be calibrated" in capsys.readouterr().err


def test_a_region_may_be_verified_too(path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(monkeypatch)
    at = town.position(town.map_views(step_m=15)[6])
    with Map.open(path) as city:
        fix = city.locate(visit(town), near=(at.lat, at.lon, 40))
        assert all(Circle(at.lat, at.lon, 40).contains(c.photo.position.lat, c.photo.position.lon)
                   for c in fix.candidates)  # fmt: skip
        assert max(inliers(fix)) > 40
