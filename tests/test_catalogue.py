"""The facts of the catalogue agree with each other, and the list shows which models are here and their licences."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from viewfix.cli import run
from viewfix.errors import BadInput, UnknownModel
from viewfix.models import catalogue
from viewfix.models.catalogue import CATALOGUE, DEFAULT, Entry
from viewfix.models.published import PUBLISHED

Out = pytest.CaptureFixture[str]

WANTED = {
    *("megaloc", "salad", "boq-resnet50-16384", "boq-dinov2-12288", "mixvpr-4096", "mixvpr-512", "convap-4096"),
    *(f"{method}-{network}" for method in ("cosplace", "eigenplaces")
      for network in ("resnet18-512", "resnet50-2048", "vgg16-512")),
    "anyloc-urban",
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder."""
    monkeypatch.setenv("VIEWFIX_WEIGHTS", str(tmp_path / "home"))
    return tmp_path / "home"


def test_every_wanted_model_is_listed_once() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert set(names) >= WANTED and len(set(names)) == len(names)
    assert CATALOGUE[0].ships and CATALOGUE[0].name == DEFAULT


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_a_published_model_says_what_it_is_and_where_it_comes_from(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.name) and not entry.ships and entry.file.name == f"{entry.name}.onnx"
    assert entry.weights is not None and entry.licence and entry.licence_note and entry.paper.startswith("arXiv:")
    assert entry.preprocessing or entry.obstacle
    for url in (*entry.weights.urls, entry.weights.page):
        assert urlsplit(url).scheme == "https"
    assert Path(entry.weights.file).name == entry.weights.file
    assert entry.weights.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.weights.sha256)
    assert entry.dim < 50_000 and 20 < entry.size_mb < 5000


def test_no_two_models_share_a_file() -> None:
    files = [entry.weights.file for entry in PUBLISHED if entry.weights]
    assert len(set(files)) == len(files)


def test_networks_of_one_picture_size_get_it_and_transformers_whole_patches() -> None:
    for name, side in (("megaloc", 322), ("salad", 322), ("boq-dinov2-12288", 322), ("boq-resnet50-16384", 384),
                       ("mixvpr-512", 320), ("convap-4096", 320)):  # fmt: skip
        rules = catalogue.entry(name).preprocessing
        assert rules is not None and rules.size_px(1234, 777) == (side, side)
    rules = catalogue.entry("cosplace-resnet18-512").preprocessing
    assert rules is not None and rules.size_px(640, 480) == (640, 480)


def test_nothing_without_a_clear_licence_is_called_free_for_commercial_use(capsys: Out) -> None:
    assert all(entry.commercial_use is not True for entry in CATALOGUE if entry.licence in ("none", "GPL-3.0"))
    assert run(["models", "--commercial-ok", "--json"]) == 0
    shown = [each["name"] for each in json.loads(capsys.readouterr().out)]
    assert DEFAULT in shown and "mixvpr-4096" not in shown and "cosplace-resnet18-512" not in shown


def test_the_list_is_a_table_of_one_line_for_each_model(home: Path, capsys: Out) -> None:
    home.mkdir()
    (home / "salad.onnx").write_bytes(b"")
    assert run(["models"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "NUMBERS", "MB", "LICENCE", "COMMERCIAL", "USE", "STATE"]
    assert [line.split()[0] for line in lines] == [entry.name for entry in CATALOGUE]
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["megaloc"] == ["8448", "914.6", "MIT", "unclear"]
    assert rows[DEFAULT][-1] == "default" and rows["salad"][-1] == "fetched"
    assert rows["anyloc-urban"][-2:] == ["not", "available"]
    assert run(["models", "--json"]) == 0
    facts = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert facts["salad"]["here"] and facts[DEFAULT]["here"] and not facts["megaloc"]["here"]
    assert facts["megaloc"]["path"] == str(home / "megaloc.onnx")
    assert facts["megaloc"]["weights"]["page"].startswith("https://huggingface.co/gberton")


def test_a_word_filters_the_list_by_name_and_summary(capsys: Out) -> None:
    assert run(["models", "dino"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert "boq-dinov2-12288" in names and "salad" in names and "mixvpr-512" not in names
    for arguments in (["--json", "MixVPR-4"], ["MixVPR-4", "--json"]):
        assert run(["models", *arguments]) == 0
        assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["mixvpr-4096"]
    assert run(["models", "megaloc"]) == 0
    assert "indoors and outdoors" in capsys.readouterr().out, "one model is described in full"
    assert run(["models", "megalock"]) == 3
    assert "Did you mean 'megaloc'?" in capsys.readouterr().err


def test_a_model_that_was_never_fetched_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(BadInput, match=r"not been fetched yet: .*megaloc\.onnx.* Run: viewfix models get megaloc"):
        catalogue.load("megaloc")
    with pytest.raises(UnknownModel, match="Did you mean 'megaloc'"):
        catalogue.load("megalock")


def test_a_model_that_is_not_available_says_why(capsys: Out) -> None:
    with pytest.raises(BadInput, match="is not available: .* 2 GB"):
        catalogue.load("anyloc-urban")
    assert run(["models", "get", "anyloc-urban"]) == 2
    assert "is not available" in capsys.readouterr().err


@pytest.mark.heavy
def test_get_refuses_in_one_line(home: Path, capsys: Out) -> None:
    pytest.importorskip("onnxscript", reason="needs viewfix[train]")
    for arguments, code, said in (
        (["get", "megalock"], 3, "Did you mean 'megaloc'"),
        (["get", "megaloc", "--offline"], 2, "copy it to"),
        (["get", "convap-4096"], 2, "resnet50_ConvAP_1024_2x2.ckpt"),
        (["get", "megaloc", "--weights", "nowhere.pth"], 2, "cannot be read"),
        (["--json", "get", "megaloc"], 2, "Put options after"),
    ):
        assert run(["models", *arguments]) == code
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1, err


@pytest.mark.heavy
def test_the_environment_can_set_offline(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    pytest.importorskip("onnxscript", reason="needs viewfix[train]")
    monkeypatch.setenv("VIEWFIX_OFFLINE", "1")
    assert run(["models", "get", "salad"]) == 2
    assert "dino_salad.ckpt on another machine" in capsys.readouterr().err


def test_the_model_that_ships_needs_no_fetching(capsys: Out) -> None:
    assert run(["models", "get", DEFAULT]) == 0
    assert "ships with viewfix" in capsys.readouterr().out


def test_without_pytorch_get_names_the_extra_before_anything_is_fetched() -> None:
    code = (
        "import sys, socket; sys.modules['torch'] = None; socket.socket = None\n"
        "from viewfix.cli import run; sys.exit(run(['models', 'get', 'megaloc']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 4 and "pip install 'viewfix[train]'" in ran.stderr
