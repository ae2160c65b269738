"""The pictures, the batches and the training that the default model is made of."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the lab needs viewfix[train]")

from viewfix.errors import BadInput  # noqa: E402
from viewfix.train.aggregators.netvlad import NetVLAD  # noqa: E402
from viewfix.train.aggregators.refined_netvlad import RefinedNetVLAD  # noqa: E402
from viewfix.train.network import Head  # noqa: E402
from viewfix.train.panorama import Ring  # noqa: E402
from viewfix.train.refine import Batches, Schedule, rate, refine, vectors  # noqa: E402
from viewfix.train.street import Likeness, Street, apart, unaltered  # noqa: E402

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
    street = Street.read(made_street(tmp_path))
    photos, views = street.photos(unaltered, seed=0), street.views(5, seed=1)
    assert len(photos) == 12 and len(views) == 15
    assert [shot.heading_deg for shot in photos[:4]] == [0, 90, 180, 270]
    assert np.array_equal(np.asarray(street.picture(photos[1])), np.asarray(Image.open(street.files[0][1])))
    first, second = (np.asarray(street.picture(views[7])) for _ in range(2))
    assert first.shape == (320, 320, 3) and np.array_equal(first, second)
    assert np.diff(street.plane_m()[:, 1]) == pytest.approx([11.1, 11.1], abs=0.1)
    assert street.neighbours(12).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7], [4, 8], [5, 9], [6, 10], [7, 11]]


def test_a_street_that_lacks_a_heading_is_refused(tmp_path: Path) -> None:
    made_street(tmp_path, without="map/0001_090.jpg")
    with pytest.raises(BadInput, match="spot 0001 has photos that look to"):
        Street.read(tmp_path)
    with pytest.raises(BadInput, match=r"no map\.csv"):
        Street.read(tmp_path / "map")


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
    schedule = Schedule(steps=60, places=8, photos_per_place=3, warmup_steps=5, prefixes=((16, 1.0), (8, 0.5)))
    batches = Batches(spots, at, headings, Likeness(12, 6, 25), schedule, seed=0)
    head = Head(RefinedNetVLAD(4, 16, hidden=16), torch.nn.Linear(64, 16))
    before = head.whitening.weight.clone()

    def found() -> float:
        with torch.inference_mode():
            out = torch.nn.functional.normalize(head.whitening(vectors(head, maps, np.arange(len(maps)))), dim=1)
        alike = (out @ out.T).fill_diagonal_(-1).argmax(dim=1).numpy()
        return float((spots[alike] == spots).mean())

    start = found()
    heard: list[str] = []
    refine(head, maps, batches, schedule, say=heard.append)
    losses = [float(line.rpartition(" ")[2]) for line in heard]
    assert losses[-1] < losses[0]
    assert found() > start + 0.1
    assert torch.equal(head.whitening.weight, before), "the whitening is held"
    assert not head.aggregator.training


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    maps, spots, at, headings = street_of_features(np.random.default_rng(0))
    schedule = Schedule(steps=3, places=8, photos_per_place=3, prefixes=((16, 1.0),))
    batches = Batches(spots, at, headings, Likeness(12, 6, 25), schedule, seed=0)
    head = Head(RefinedNetVLAD(4, 16, hidden=16), torch.nn.Linear(64, 16))
    maps[:] = np.nan
    with pytest.raises(BadInput, match="loss of step 1 is nan"):
        refine(head, maps, batches, schedule, say=lambda line: None)


def test_places_of_a_batch_differ_and_photos_of_a_place_do_not() -> None:
    maps, spots, at, headings = street_of_features(np.random.default_rng(0))
    batches = Batches(spots, at, headings, Likeness(12, 6, 25), Schedule(places=8, photos_per_place=3), seed=3)
    rows, labels = batches.next()
    assert len(rows) == 24 and len(set(labels.tolist())) == 8
    of = {label: set(spots[rows[labels.numpy() == label]]) for label in labels.tolist()}
    assert all(len(each) == 1 for each in of.values()) and len({min(each) for each in of.values()}) == 8
    with pytest.raises(BadInput, match="nothing to tell apart"):
        Batches(spots, at * 0, headings, Likeness(12, 6, 25), Schedule(), seed=0).next()


def test_the_rate_rises_then_falls() -> None:
    schedule = Schedule(steps=100, warmup_steps=10)
    rates = [rate(step, schedule) for step in range(101)]
    assert rates[0] < 0.11 and max(rates) == pytest.approx(rates[9], abs=0.02) and rates[-1] == pytest.approx(0.05)
