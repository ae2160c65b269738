"""A checkpoint holds all that a run needs, survives a kill, and runs nobody's code when it is read."""

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")

from viewfix.errors import BadInput, StorageFailed  # noqa: E402
from viewfix.train.checkpoint import Checkpoint, Progress, read_state, restore_rng, rng_state, save  # noqa: E402
from viewfix.train.recipe import Recipe  # noqa: E402


def a_checkpoint(**changes: object) -> Checkpoint:
    layer = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    whole: dict = {
        "recipe": Recipe(seed=4, augmentations=("weather",)),
        "photos": "abc",
        "size_px": (64, 48),
        "network": layer.state_dict(),
        "optimiser": optimiser.state_dict(),
        "progress": Progress(epoch=2, step=9, best_score=0.5, history=[{"epoch": 1.0, "loss": 0.25}]),
        "rng": rng_state(),
    }
    return Checkpoint(**(whole | changes))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    saved = a_checkpoint()
    saved.write(tmp_path / "run" / "last.pt")
    read = Checkpoint.read(tmp_path / "run" / "last.pt")
    assert read.recipe == saved.recipe and read.progress == saved.progress
    assert (read.photos, read.size_px) == ("abc", (64, 48))
    assert read.versions["torch"] == torch.__version__
    assert all(torch.equal(read.network[name], saved.network[name]) for name in saved.network)
    again = torch.optim.AdamW(torch.nn.Linear(3, 2).parameters())
    again.load_state_dict(read.optimiser)
    assert torch.equal(again.state_dict()["state"][0]["exp_avg"], saved.optimiser["state"][0]["exp_avg"])


def test_every_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    import random

    a_checkpoint().write(tmp_path / "last.pt")

    def draw() -> list[float]:
        return [torch.rand(1).item(), np.random.rand(), random.random()]

    expected = draw()  # after the state was taken
    restore_rng(Checkpoint.read(tmp_path / "last.pt").rng)
    assert draw() == expected
    assert draw() != expected


def test_a_checkpoint_of_another_recipe_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"another recipe; there and here: lr: 1e-05, 0.1; seed: 4, 5\. "):
        a_checkpoint().same_recipe(Recipe(seed=5, lr=0.1, augmentations=("weather",)), tmp_path)
    a_checkpoint().same_recipe(a_checkpoint().recipe, tmp_path)
    with pytest.raises(BadInput, match="other photos"):
        a_checkpoint().same_photos("abd", tmp_path)


def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"old")

    class Killed(BaseException):
        pass

    def half(part: Path) -> None:
        part.write_bytes(b"ne")
        raise Killed

    with pytest.raises(Killed):
        save(path, half)
    assert path.read_bytes() == b"old"

    def full(part: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFailed, match="No space left"):
        save(path, full)
    assert path.read_bytes() == b"old"
    save(path, lambda part: part.write_bytes(b"new"))
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"] and path.read_bytes() == b"new"


class Mischief:
    """What somebody may have put into a pickle: reading it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    for name, dump in (("a.pt", torch.save), ("b.pt", lambda content, path: path.write_bytes(pickle.dumps(content)))):
        dump({"weight": Mischief(tmp_path / "mischief")}, tmp_path / name)
        with pytest.raises(BadInput, match="cannot be read as weights"):
            read_state(tmp_path / name)
    assert not (tmp_path / "mischief").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"", "cannot be read as weights"),
        (b"PK\x03\x04 and then nothing", "cannot be read as weights"),
        (b"\x10\0\0\0\0\0\0\0{broken", "cannot be read as weights"),
    ],
)
def test_what_is_no_weights_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(BadInput, match=reason):
        read_state(tmp_path / "w.pt")
    with pytest.raises(BadInput, match="No such file"):
        read_state(tmp_path / "none.pt")


def test_weights_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "plain.pt")
    assert read_state(tmp_path / "plain.pt")["weight"].sum() == 2
    with pytest.raises(BadInput, match="not a checkpoint of viewfix train"):
        Checkpoint.read(tmp_path / "plain.pt")


def test_safetensors_are_read(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="needs viewfix[train]")
    safetensors.save_file({"weight": torch.ones(2)}, tmp_path / "w.safetensors")
    assert torch.equal(read_state(tmp_path / "w.safetensors")["weight"], torch.ones(2))
