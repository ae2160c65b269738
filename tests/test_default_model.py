"""The pictures, the batches and the training behind the model that ships."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs viewfix[train]")

from viewfix.cli import run as viewfix  # noqa: E402
from viewfix.errors import BadInput  # noqa: E402
from viewfix.models.catalogue import SHIPPED  # noqa: E402
from viewfix.models.onnx import OnnxModel  # noqa: E402
from viewfix.sources import open_sources  # noqa: E402
from viewfix.train import rings  # noqa: E402
from viewfix.train.aggregators.netvlad import NetVLAD  # noqa: E402
from viewfix.train.aggregators.refined_netvlad import RefinedNetVLAD  # noqa: E402
from viewfix.train.checkpoint import BEST, Checkpoint  # noqa: E402
from viewfix.train.network import Head  # noqa: E402
from viewfix.train.panorama import Ring  # noqa: E402
from viewfix.train.recipes import RECIPES  # noqa: E402
from viewfix.train.refine import Batches, Schedule, rate, refine, vectors  # noqa: E402
from viewfix.train.street import Likeness, Street, apart, unaltered  # noqa: E402
from viewfix.types import Photo  # noqa: E402

SIDE = 64


def faces_of_a_ring() -> np.ndarray:
    """(4, S, S, 3): a made horizon whose brightness follows the direction and whose green follows the height."""
    steps = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    faces = np.zeros((4, SIDE, SIDE, 3), np.uint8)
    for face in range(4):
        azimuth = np.arctan(steps) + face * np.pi / 2
        faces[face, :, :, 0] = 128 + 100 * np.sin(azimuth)
        faces[face, :, :, 2] = 128 + 100 * np.cos(azimuth)
        faces[face, :, :, 1] = np.linspace(0, 255, SIDE)[:, None]
    return faces


@pytest.mark.parametrize("face", range(4))
def test_a_view_straight_into_a_photo_is_that_photo(face: int) -> None:
    faces = faces_of_a_ring()
    view = Ring(faces).view(90.0 * face, field_of_view_deg=90, side_px=SIDE)
    assert np.abs(view.astype(int) - faces[face]).max() <= 1


def test_a_view_between_two_photos_shows_both_and_no_seam() -> None:
    view = Ring(faces_of_a_ring()).view(45, field_of_view_deg=60, side_px=SIDE).astype(float)
    steps = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    azimuth = np.arctan(steps * np.tan(np.radians(30))) + np.radians(45)
    row = SIDE // 2
    assert np.abs(view[row, :, 0] - (128 + 100 * np.sin(azimuth))).max() < 4
    assert np.abs(view[row, :, 2] - (128 + 100 * np.cos(azimuth))).max() < 4


def test_looking_up_brings_down_what_was_above() -> None:
    ring = Ring(faces_of_a_ring())
    level, up = (ring.view(0, field_of_view_deg=60, pitch_deg=pitch, side_px=SIDE) for pitch in (0, 10))
    assert up[SIDE // 2, SIDE // 2, 1] < level[SIDE // 2, SIDE // 2, 1] - 10  # green grows downwards


def test_a_ring_needs_four_squares() -> None:
    with pytest.raises(BadInput, match="four square photos"):
        Ring(np.zeros((3, 8, 8, 3), np.uint8))


DEFAULT = rings.schedule(RECIPES["default"])
METRES_ALIKE = Likeness(12, 6, 25)


def street_of(folder: Path) -> Street:
    return Street.of([item for item in open_sources([folder / "map.csv"]) if isinstance(item, Photo)])


def made_street(folder: Path, spots: int = 3, *, without: str = "") -> Path:
    (folder / "map").mkdir(parents=True)
    lines = ["file,lat,lon,heading_deg"]
    for spot in range(spots):
        for face, pixels in enumerate(faces_of_a_ring()):
            name = f"map/{spot:04d}_{90 * face:03d}.jpg"
            if name == without:
                continue
            Image.fromarray(np.roll(pixels, spot, axis=0)).save(folder / name)
            lines.append(f"{name},{52 + spot * 1e-4},0.1,{90 * face}")
    (folder / "map.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_street_has_four_photos_a_spot_and_views_in_between(tmp_path: Path) -> None:
    street = street_of(made_street(tmp_path))
    photos, views = street.photos(unaltered, seed=0), street.views(5, seed=1)
    assert len(photos) == 12 and len(views) == 15
    assert [each.heading_deg for each in photos[:4]] == [0, 90, 180, 270]
    assert np.array_equal(np.asarray(street.picture(photos[1])), np.asarray(Image.open(street.files[0][1])))
    first, second = (np.asarray(street.picture(views[7])) for _ in range(2))
    assert first.shape == (320, 320, 3) and np.array_equal(first, second)
    assert np.diff(street.plane_m()[:, 1]) == pytest.approx([11.1, 11.1], abs=0.1)
    assert street.neighbours(12).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7], [4, 8], [5, 9], [6, 10], [7, 11]]


def test_a_street_that_lacks_a_heading_is_refused(tmp_path: Path) -> None:
    made_street(tmp_path, without="map/0001_090.jpg")
    with pytest.raises(
        BadInput, match="spot 0001 at 52.0001, 0.1 has photos with these headings: 0, 180, 270. Use four"
    ):
        street_of(tmp_path)
    with pytest.raises(BadInput, match="no photos to train on"):
        Street.of([])


def test_a_step_forward_is_alike_where_a_step_aside_is_not() -> None:
    at = np.array([[0.0, 0], [0, 10], [10, 0], [0, 10], [0, 0]])
    headings = np.array([0.0, 5, 0, 90, 359])
    alike = Likeness(apart_m=12, aside_m=6, turned_deg=25)
    assert alike(at, headings, 0).tolist() == [1, 4]  # ahead, and the same spot a degree to the left
    assert apart(at, np.array([0.0, 0, 180, 0, 0]), 0, [2], far_m=25), "looking the other way is another place"
    assert not apart(at, headings, 0, [1], far_m=25)


def test_untrained_refinement_changes_nothing() -> None:
    torch.manual_seed(0)
    plain, refined = NetVLAD(3, 5), RefinedNetVLAD(3, 5, hidden=4)
    refined.load_state_dict({**refined.state_dict(), **plain.state_dict()})
    maps = torch.randn(2, 5, 4, 6)
    with torch.inference_mode():
        assert torch.allclose(plain(maps), refined(maps), atol=1e-6)


def street_of_features(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Maps in which a third of the positions tell the place and the others, cars and clouds, tell nothing."""
    spots, views, channels = 12, 6, 16
    places = rng.normal(0, 1, (spots, 8))
    maps = np.zeros((spots * views, channels, 4, 6), np.float16)
    for row in range(len(maps)):
        for cell in range(24):
            feature = rng.normal(0, 0.3, channels)
            if cell % 3 == 0:
                feature[:8] += places[row // views]
            else:
                feature[8:] += rng.normal(0, 2.0, 8)
            maps[row, :, cell // 6, cell % 6] = feature
    at = np.stack([np.zeros(spots), np.arange(spots) * 40.0], axis=1)
    return maps, np.repeat(np.arange(spots), views), np.repeat(at, views, axis=0), np.zeros(spots * views)


def test_training_finds_out_which_features_tell_the_place() -> None:
    torch.manual_seed(0)
    maps, spots, at, headings = street_of_features(np.random.default_rng(0))
    schedule = replace(DEFAULT, steps=60, places=8, photos_per_place=3, warmup_steps=5, prefixes=((16, 1.0), (8, 0.5)))
    batches = Batches(spots, at, headings, METRES_ALIKE, schedule, seed=0)
    head = Head(RefinedNetVLAD(4, 16, hidden=16), torch.nn.Linear(64, 16))
    before = head.whitening.weight.clone()

    def found() -> float:
        with torch.inference_mode():
            out = torch.nn.functional.normalize(head.whitening(vectors(head, maps, np.arange(len(maps)))), dim=1)
        alike = (out @ out.T).fill_diagonal_(-1).argmax(dim=1).numpy()
        return float((spots[alike] == spots).mean())

    start = found()
    heard: list[str] = []
    refine(head, maps, batches, schedule, notify=heard.append)
    losses = [float(line.rpartition(" ")[2]) for line in heard]
    assert losses[-1] < losses[0]
    assert found() > start + 0.1
    assert torch.equal(head.whitening.weight, before), "the whitening stays fixed"
    assert not head.aggregator.training


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    maps, spots, at, headings = street_of_features(np.random.default_rng(0))
    schedule = replace(DEFAULT, steps=3, places=8, photos_per_place=3, prefixes=((16, 1.0),))
    batches = Batches(spots, at, headings, METRES_ALIKE, schedule, seed=0)
    head = Head(RefinedNetVLAD(4, 16, hidden=16), torch.nn.Linear(64, 16))
    maps[:] = np.nan
    with pytest.raises(BadInput, match="loss of step 1 is nan"):
        refine(head, maps, batches, schedule, notify=lambda line: None)


def test_places_of_a_batch_differ_and_photos_of_a_place_do_not() -> None:
    maps, spots, at, headings = street_of_features(np.random.default_rng(0))
    batches = Batches(spots, at, headings, METRES_ALIKE, replace(DEFAULT, places=8, photos_per_place=3), seed=3)
    rows, labels = batches.next()
    assert len(rows) == 24 and len(set(labels.tolist())) == 8
    of = {label: set(spots[rows[labels.numpy() == label]]) for label in labels.tolist()}
    assert all(len(each) == 1 for each in of.values()) and len({min(each) for each in of.values()}) == 8
    with pytest.raises(BadInput, match="cannot learn to tell places apart"):
        Batches(spots, at * 0, headings, METRES_ALIKE, DEFAULT, seed=0).next()


def test_the_rate_rises_then_falls() -> None:
    schedule = replace(DEFAULT, steps=100, warmup_steps=10)
    rates = [rate(step, schedule) for step in range(101)]
    assert rates[0] < 0.11 and max(rates) == pytest.approx(rates[9], abs=0.02) and rates[-1] == pytest.approx(0.05)


def test_the_default_recipe_has_the_figures_that_the_shipped_model_was_made_with() -> None:
    """Those of its model card, and of the recipe that its file carries."""
    recipe = RECIPES["default"]
    assert (
        Schedule(
            steps=260,
            places=40,
            photos_per_place=4,
            warmup_steps=20,
            feature_rate=3e-3,
            vocabulary_rate=2e-3,
            weight_decay=1e-2,
            other_spot_share=0.7,
            far_m=25.0,
            prefixes=((512, 1.0), (256, 0.7), (128, 0.3)),
        )
        == DEFAULT
    )
    about = OnnxModel(SHIPPED / "lite0-refined-512.onnx", threads=1).about["recipe"]
    assert rings.likeness(recipe) == METRES_ALIKE == Likeness(**about["alike"])
    assert (recipe.image_px, recipe.dim, recipe.seed) == (about["side_px"], about["dim"], about["seed"])
    assert recipe.aggregator_options == {"clusters": about["clusters"], "hidden": about["hidden"]}
    assert (recipe.views_per_spot, recipe.pair_m) == (about["views"], about["neighbour_m"])
    assert recipe.whitening_directions == about["keep"]
    assert (recipe.whitening_shrinkage, recipe.whitening_power) == (about["shrinkage"], about["power"])
    assert (about["features_per_picture"], about["second_share"]) == (rings.FEATURES_PER_PICTURE, rings.SECOND_SHARE)
    assert (about["view_pairs"], about["whitened_pictures"]) == (rings.VIEW_PAIRS, rings.WHITENED_PICTURES)
    assert about["calibration_pictures"] == rings.CALIBRATION_PICTURES
    assert about["float_convolutions"] == rings.FLOAT_CONVOLUTIONS


def test_the_command_trains_the_default_recipe_and_each_step_gets_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From three spots of four photos to the .onnx files, with smaller numbers where they cost time."""
    calls: dict[str, Any] = {}

    def watch(module: Any, name: str) -> None:
        real = getattr(module, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            calls.setdefault(name, []).append((args, kwargs))
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, called)

    watch(rings.whiten, "learned")
    watch(rings.clusters, "vocabulary")
    watch(rings.clusters, "sharpness")
    watch(rings.export, "quantised")
    watch(rings, "refine")
    tiny = ["views_per_spot=2", "ring_steps=2", "places_per_batch=2", "dim=16", "negative_m=12", "weights=none"]
    tiny += ["image_px=64"]
    (tmp_path / "tiny.toml").write_text(
        "[prefixes]\n16 = 1.0\n8 = 0.7\n[aggregator_options]\nclusters = 3\nhidden = 4\n"
    )
    photos, run = made_street(tmp_path / "street") / "map.csv", tmp_path / "run"
    command = ["train", str(tmp_path / "tiny.toml"), "--recipe", "default", "--photos", str(photos), "--run", str(run)]
    command += [word for setting in tiny for word in ("--set", setting)]
    assert viewfix(command) == 0, capsys.readouterr().err
    small, exact = (OnnxModel(run / name, threads=1) for name in ("model.onnx", "model-float32.onnx"))
    assert f"--model {small.path}" in capsys.readouterr().out
    assert (small.name, small.dim, small.about["licence"]) == ("lite0-refined-512", 16, "Apache-2.0")
    assert small.about["recipe"]["views_per_spot"] == 2 and len(small.about["training_places"]) == 3
    assert small.path.stat().st_size < exact.path.stat().st_size
    picture = faces_of_a_ring()[0]
    assert float((small.embed([picture]) @ exact.embed([picture]).T)[0, 0]) > 0.5
    (whitening, again) = calls["learned"]
    assert whitening[1] == again[1] == {"keep": 1600, "shrinkage": 0.2, "power": 0.4} and whitening[0][2] == 16
    assert calls["vocabulary"][0][0][1] == 3 and calls["vocabulary"][0][1] == {"seed": 0}
    assert calls["sharpness"][0][1] == {"share": 0.3}
    assert calls["quantised"][0][1] == {"float_convolutions": 3}
    (refined,) = calls["refine"]
    assert refined[0][3] == replace(
        DEFAULT, steps=2, warmup_steps=1, places=2, far_m=12.0, prefixes=((16, 1.0), (8, 0.7))
    )
    assert len(refined[0][1]) == 12 + 6, "it is trained on the photos as taken and the views"
    assert torch.equal(
        Checkpoint.read(run / BEST).network["head.whitening.weight"],
        refined[0][0].whitening.weight.detach(),
    )
    assert viewfix(command) == 2 and "holds a finished training" in capsys.readouterr().err
