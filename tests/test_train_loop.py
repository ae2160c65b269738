"""A training learns, goes on after a kill as if nothing had been, and keeps what was good when it must stop."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs viewfix[train]")
for package in ("accelerate", "tensorboard", "pytorch_metric_learning", "onnxscript"):
    pytest.importorskip(package, reason="needs viewfix[train]")

from viewfix.cli import run as viewfix  # noqa: E402
from viewfix.cli.train import chosen  # noqa: E402
from viewfix.errors import BadInput  # noqa: E402
from viewfix.models.onnx import OnnxModel  # noqa: E402
from viewfix.sources import open_sources  # noqa: E402
from viewfix.train import features, loop, losses, network  # noqa: E402
from viewfix.train import frozen as frozen_stages  # noqa: E402
from viewfix.train.backbones import Backbone  # noqa: E402
from viewfix.train.backbones.dinov2 import Tokens  # noqa: E402
from viewfix.train.checkpoint import LAST, Checkpoint  # noqa: E402
from viewfix.train.loop import schedule, train  # noqa: E402
from viewfix.train.recipe import Recipe  # noqa: E402
from viewfix.types import Photo, Skipped  # noqa: E402

METRE = 1 / 111_195  # degrees of latitude

TINY = Recipe(
    backbone="toy",
    weights=None,
    tuned_stages="all",
    tuned_norms=True,
    clusters=4,
    dim=16,
    projection="random",
    image_px=32,
    sizing="exact",
    augmentations=("camera",),
    augmentation_strength=0.3,
    cache=False,
    versions=3,
    loss="online-hardest-triplet",
    margin=0.3,
    places_per_batch=4,
    photos_per_place=3,
    epochs=3,
    lr=3e-3,
    head_lr=3e-3,
    validation_share=0.25,
    validation_margin_m=30,
    patience=0,
    steps_between_checkpoints=2,
)


class Toy(Backbone):
    """Two stages of one convolution each: a backbone for those in a hurry."""

    name, channels, stride, multiple_px = "toy", 8, 8, 8
    mean, std = (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 4, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
        self.two = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU())

    @property
    def stages(self) -> tuple[torch.nn.Module, ...]:
        return self.one, self.two


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = network.backbones.make
    monkeypatch.setattr(network.backbones, "make", lambda name: Toy() if name == "toy" else real(name))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 places 70 m apart, 4 photos each within 6 m: a pattern of its own, noise on top; and a manifest."""
    folder = tmp_path_factory.mktemp("town")
    rng = np.random.default_rng(0)
    rows = ["file,lat,lon,heading_deg"]
    for place in range(16):
        pattern = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        large = np.asarray(Image.fromarray(pattern).resize((48, 48), Image.Resampling.BICUBIC), np.float32)
        for shot in range(4):
            pixels = (large + rng.normal(0, 12, large.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{place:02}_{shot}.png")
            lat = 50 + (70 * (place // 4) + 2 * shot) * METRE
            lon = 70 * (place % 4) * METRE / math.cos(math.radians(50))
            rows.append(f"{place:02}_{shot}.png,{lat:.7f},{lon:.7f},90")
    (folder / "map.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def photos(town: Path) -> list[Photo | Skipped]:
    return list(open_sources([town / "map.csv"]))


def changed(**values: object) -> Recipe:
    return dataclasses.replace(TINY, **values)


def losses_of(outcome: loop.Outcome) -> list[float]:
    return [row["loss"] for row in outcome.history if "loss" in row]


def test_the_loss_falls_and_the_log_tells(photos: list, tmp_path: Path) -> None:
    told: list[str] = []
    outcome = train(changed(epochs=6), photos, tmp_path / "run", notify=told.append)
    fallen = losses_of(outcome)
    assert len(fallen) == 6 and fallen[-1] < 0.8 * fallen[0]
    assert outcome.history[0].keys() >= {"recall@1", "recall@5", "night recall@1", "score"}
    assert outcome.history[0]["epoch"] == 0 and "loss" not in outcome.history[0], "the untrained network is a rival"
    assert any(line.startswith("epoch 6: loss 0.") for line in told)
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    best = Checkpoint.read(outcome.best)
    assert best.progress.history[-1]["score"] == max(row["score"] for row in outcome.history)
    assert best.recipe == changed(epochs=6) and best.versions["torch"] == torch.__version__


class Killed(BaseException):
    """As kill -9: nothing that tidies up runs."""


@pytest.mark.parametrize("cache", [False, True], ids=["live", "cached"])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    photos: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    recipe = changed(tuned_stages=1, cache=True) if cache else TINY
    whole = train(recipe, photos, tmp_path / "whole")
    steps = Checkpoint.read(tmp_path / "whole" / LAST).progress.step
    assert steps >= 6

    with monkeypatch.context() as patch:
        real, calls = torch.optim.AdamW.step, [0]

        def step(self, *args, **kwargs):
            calls[0] += 1
            if calls[0] == steps // 2 + 1:
                raise Killed
            return real(self, *args, **kwargs)

        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(Killed):
            train(recipe, photos, tmp_path / "killed")
    halfway = Checkpoint.read(tmp_path / "killed" / LAST).progress
    assert 0 < halfway.step < steps and not halfway.finished
    torch.manual_seed(12345)  # another process would have other numbers to draw
    resumed = train(recipe, photos, tmp_path / "killed", resume=True)
    assert resumed.history == whole.history
    one, other = (Checkpoint.read(tmp_path / name / LAST).network for name in ("whole", "killed"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert train(recipe, photos, tmp_path / "killed", resume=True).history == whole.history, "done is done"


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    photos: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(torch.nn.Module):
        calls = 0

        def forward(self, embeddings: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
            self.calls += 1
            return embeddings.square().sum() * (math.nan if self.calls == 4 else 1.0)

    monkeypatch.setattr(losses, "make", lambda name, **options: Breaking())
    with pytest.raises(BadInput) as stop:
        train(TINY, photos, tmp_path / "run")
    message = str(stop.value)
    batches = Checkpoint.read(tmp_path / "run" / LAST).progress
    assert "The loss is nan in epoch" in message and ".png" in message and str(tmp_path / "run" / LAST) in message
    assert f"epoch {batches.epoch + 1}, batch" in message
    assert batches.step == 2, "the last one before the bad step"
    saved = Checkpoint.read(tmp_path / "run" / LAST).network
    assert all(bool(tensor.isfinite().all()) for tensor in saved.values())


def test_a_run_that_stands_still_stops_early(photos: list, tmp_path: Path) -> None:
    told: list[str] = []
    recipe = changed(epochs=50, lr=0.0, head_lr=0.0, tuned_norms=False, patience=2)
    outcome = train(recipe, photos, tmp_path / "run", notify=told.append)
    assert len(outcome.history) == 3 and outcome.best_epoch == 0
    assert "stopped early: no better recall for 2 epochs" in told
    assert Checkpoint.read(tmp_path / "run" / LAST).progress.finished


def test_a_checkpoint_of_another_recipe_or_of_other_photos_is_refused(photos: list, tmp_path: Path) -> None:
    train(changed(epochs=1), photos, tmp_path / "run")
    with pytest.raises(BadInput, match="another recipe; there and here: epochs: 1, 2; lr: 0.003, 0.5"):
        train(changed(epochs=2, lr=0.5), photos, tmp_path / "run", resume=True)
    with pytest.raises(BadInput, match="other photos"):
        train(changed(epochs=1), photos[4:], tmp_path / "run", resume=True)
    with pytest.raises(BadInput, match="already holds a training"):
        train(changed(epochs=1), photos, tmp_path / "run")
    with pytest.raises(BadInput, match="There is no run in"):
        train(TINY, photos, tmp_path / "nowhere", resume=True)


def test_cached_features_are_computed_once_and_go_on_after_a_kill(
    photos: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(tuned_stages=0, cache=True, epochs=1)
    seen: list[int] = []
    real = Toy.split

    def counting(self, tuned):
        frozen, rest = real(self, tuned)
        frozen.register_forward_hook(lambda module, args, out: seen.append(len(out)))
        return frozen, rest

    monkeypatch.setattr(Toy, "split", counting)
    with monkeypatch.context() as patch:
        saved = features.save

        def killed(path, write):
            if sum(seen) > 48:
                raise Killed
            saved(path, write)

        patch.setattr(features, "save", killed)
        with pytest.raises(Killed):
            train(recipe, photos, tmp_path / "run")
    assert sum(seen) == 3 * 16 + 1, "three batches, one by one, and the trial of the first picture"
    seen.clear()
    outcome = train(recipe, photos, tmp_path / "run")
    total = len(outcome.training) * recipe.versions
    assert total - 32 < sum(seen) < total - 32 + len(photos), "the first two batches are there; validation comes on top"
    array = np.load(tmp_path / "run" / "features" / "training" / "0.npy", mmap_mode="r")
    assert array.shape == (total, 8, 4, 4) and array.dtype == np.float16
    assert (np.abs(array).sum(axis=(1, 2, 3)) > 0).all()
    seen.clear()
    train(recipe, photos, tmp_path / "run", resume=True)
    assert not seen


def test_frozen_stages_compute_the_same_in_onnx_runtime() -> None:
    frozen, _ = Toy().split(1)
    batch = torch.rand(3, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    fast = frozen_stages.runner(frozen, batch, pictures=10_000, device=torch.device("cpu"))
    plain = frozen_stages.runner(frozen, batch, pictures=3, device=torch.device("cpu"))
    with torch.inference_mode():
        assert torch.allclose(fast(batch), frozen(batch), atol=1e-5)
        assert torch.allclose(plain(batch), frozen(batch), atol=1e-6)


def test_maps_with_tokens_are_taken_apart_and_put_together() -> None:
    both = torch.ones(2, 3, 4, 4), torch.zeros(2, 3)
    leaves, form = features.taken_apart(both)
    again = features.rebuilt(leaves, form)
    assert isinstance(again, tuple) and all(torch.equal(a, b) for a, b in zip(again, both, strict=True))
    assert torch.equal(features.rebuilt(*features.taken_apart(both[0])), both[0])
    tokens = Tokens(torch.ones(2, 7, 3), 2, 3)  # what travels between the blocks of a transformer
    again = features.rebuilt(*features.taken_apart(tokens))
    assert isinstance(again, Tokens) and again.height == 2 and torch.equal(again.tokens, tokens.tokens)


def test_weights_of_another_run_are_a_beginning(photos: list, tmp_path: Path) -> None:
    first = train(TINY, photos, tmp_path / "first")
    recipe = changed(weights=str(first.best), lr=0.0, head_lr=0.0, tuned_norms=False, epochs=1)
    second = train(recipe, photos, tmp_path / "second")
    assert second.history[0]["score"] == max(row["score"] for row in first.history)
    with pytest.raises(BadInput, match="is a checkpoint of toy"):
        train(dataclasses.replace(recipe, backbone="resnet18"), photos, tmp_path / "third")


@pytest.mark.parametrize("projection", ["learned", "pca"])
def test_a_head_starts_from_what_the_photos_hold(photos: list, tmp_path: Path, projection: str) -> None:
    told: list[str] = []
    recipe = changed(projection=projection, dim=8, epochs=1)
    train(recipe, photos, tmp_path / "run", notify=told.append)
    assert any(line.startswith("vocabulary of 4 words from ") for line in told)
    assert any(line.startswith(f"projection to 8 by {projection} whitening of ") for line in told)
    told.clear()
    train(dataclasses.replace(recipe, dim=512), photos, tmp_path / "wide", notify=told.append)
    assert any("photos are too few to whiten by" in line for line in told)


def test_published_weights_are_loaded_strictly(photos: list, tmp_path: Path) -> None:
    from viewfix.train.start import load_weights

    recipe = Recipe(backbone="resnet18", weights=str(tmp_path / "w.pt"), image_px=64, epochs=1)
    theirs = network.assemble(recipe)
    torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.backbone.state_dict().items()}}, tmp_path / "w.pt")
    ours = network.assemble(recipe)
    assert not load_weights(ours, recipe), "the head was not among them"
    assert all(torch.equal(a, b) for a, b in zip(ours.backbone.parameters(), theirs.backbone.parameters(), strict=True))
    torch.save(network.backbones.make("efficientnet-lite0").state_dict(), tmp_path / "w.pt")
    with pytest.raises(BadInput, match="conv1.weight"):
        load_weights(ours, recipe)
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(BadInput, match="holds no tensors"):
        load_weights(ours, recipe)


def test_a_head_passes_a_token_on() -> None:
    class Both(torch.nn.Module):
        def forward(self, features: "torch.Tensor", token: "torch.Tensor") -> "torch.Tensor":
            return torch.cat([features.mean(dim=(2, 3)), token], dim=1)

    head = network.Head(Both(), torch.nn.Identity())
    out = head((torch.ones(2, 3, 4, 4), torch.full((2, 1), 2.0)))
    assert torch.allclose(out, torch.nn.functional.normalize(torch.tensor([[1.0, 1, 1, 2]] * 2), dim=1))


def test_squares_that_a_backbone_cannot_divide_are_refused(photos: list, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="multiples of 8, and image_px is 100. Set it to 96"):
        train(changed(image_px=100), photos, tmp_path / "run")


def test_too_little_to_train_on_is_said_before_anything_is_computed(photos: list, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        train(changed(places_per_batch=64), photos, tmp_path / "run")
    with pytest.raises(BadInput):
        train(TINY, photos[::4], tmp_path / "run")  # one photo of every place
    with pytest.raises(BadInput):
        train(TINY, [], tmp_path / "run")


def test_a_damaged_photo_is_skipped_at_the_start(photos: list, town: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes((town / "00_0.png").read_bytes()[:200])
    assert isinstance(photos[0], Photo)
    outcome = train(changed(epochs=1), [dataclasses.replace(photos[0], source=str(bad)), *photos[1:]], tmp_path / "run")
    assert [skipped.id for skipped in outcome.skipped] == [photos[0].id]


def test_the_rate_rises_then_falls() -> None:
    recipe = Recipe(warmup_share=0.1)
    rates = [schedule(step, 100, recipe) for step in range(100)]
    assert np.argmax(rates) == 10 and rates[10] == 1.0 and 0 < rates[0] < 0.1
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False)) and rates[-1] < 0.01
    assert schedule(99, 100, Recipe(decay="linear")) == pytest.approx(0.2, abs=0.01)
    assert schedule(99, 100, Recipe(decay="none")) == 1.0


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "my.toml"
    wanted = {k: v for k, v in TINY.as_dict().items() if v is not None and v != Recipe().as_dict()[k]}
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in wanted.items()
    ]
    file.write_text("\n".join(lines) + "\n")
    yield file


def test_the_command_trains_exports_and_goes_on(
    quick: Path, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["train", str(quick), "--photos", str(town / "map.csv"), "--run", str(run), "--set", "weights=none"]
    assert viewfix([*command, "--set", "epochs=1", "--int8"]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert f"viewfix build my.map PHOTOS --model {run / 'model.onnx'}" in printed and "least cosine 1.0000" in printed
    model = OnnxModel(run / "model.onnx", threads=1)
    assert model.dim == 16 and model.about["recipe"]["epochs"] == 1
    assert (run / "model-int8.onnx").exists()
    assert viewfix(["build", str(tmp_path / "my.map"), str(town / "map.csv"), "--model", str(run / "model.onnx")]) == 0
    assert chosen(None, run, name=None, settings=(), resume=True) == changed(epochs=1), "a run goes on with its own"
    capsys.readouterr()
    assert viewfix([*command, "--set", "epochs=9", "--resume"]) == 2
    assert "another recipe; there and here: epochs: 1, 9" in capsys.readouterr().err


def test_the_command_refuses_a_wrong_key(tmp_path: Path, town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.toml").write_text("agregator = 'gem'\n")
    code = viewfix(["train", str(tmp_path / "my.toml"), "--photos", str(town), "--run", str(tmp_path / "run")])
    assert code == 2 and "Did you mean 'aggregator'?" in capsys.readouterr().err


def test_too_few_photos_are_refused_before_anything_is_described(photos: list, tmp_path: Path) -> None:
    recipe = changed(places_per_batch=60, cache=True, tuned_stages=1)
    with pytest.raises(BadInput, match="do not fill one batch of 60 places x 3 photos: too few of them have another"):
        train(recipe, photos, tmp_path / "run")
    assert not (tmp_path / "run" / "features").exists()


def test_any_recipe_can_train_prefixes_and_give_the_vocabulary_its_own_rate(photos: list, tmp_path: Path) -> None:
    recipe = changed(epochs=1, prefixes={"16": 1.0, "8": 0.5}, vocabulary_lr=2e-3)
    outcome = train(recipe, photos, tmp_path / "run")
    last = Checkpoint.read(outcome.run / LAST)
    assert [group["peak"] for group in last.optimiser["param_groups"]].count(2e-3) == 1
    with_vocabulary = last.optimiser["param_groups"][0]
    assert len(with_vocabulary["params"]) == 3 and with_vocabulary["weight_decay"] == 0, "centres, weight and bias"
    whole = train(changed(epochs=1, vocabulary_lr=2e-3), photos, tmp_path / "whole")
    assert losses_of(outcome) != losses_of(whole), "the loss of the prefixes counts"
