"""README and docs are executed: every Python block, every viewfix command, in a folder as a reader would have it."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

try:
    import onnx
except ImportError:
    onnx = None  # type: ignore[assignment]

from viewfix.cli import run

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
SIGHTS = """\
name,lat,lon,kind,name:uk,wikipedia
Old Tower,49.99867,20.00008,historic=tower,Стара вежа,en:Tower
Harbour Museum,49.99965,20.00100,tourism=museum,,
"""  # around the place of holiday.jpg
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture
def desk(street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the docs take for granted: folders of photos, a holiday photo, a home."""
    files = sorted(street.glob("*.jpg"))
    for folder, chosen in {
        "photos": files,
        "Pictures": files,
        "NewPictures": files[:3],
        "library": files[:4],
        "cafeteria": files[-4:],
    }.items():
        (tmp_path / folder).mkdir()
        for file in chosen:
            shutil.copy(file, tmp_path / folder)
    for name in ("holiday.jpg", "where.jpg", "a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(files[5], tmp_path / name)
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "beach.jpg")
    (tmp_path / "sights.csv").write_text(SIGHTS, encoding="utf-8")
    if onnx is not None:  # a network of somebody's own, for the page about models
        tensor = onnx.helper.make_tensor_value_info
        ends = tensor("x", 1, ["n", 3, 322, 322]), tensor("y", 1, ["n", 3, 322, 322])
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", *([end] for end in ends))
        onnx.save(onnx.helper.make_model(graph), tmp_path / "plain.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def commands(text: str) -> list[str]:
    """The lines of a shell block that call viewfix, without prompt and comment.

    Those that name a server of the reader are left out: tests/engines runs every command over real ones.
    """
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith("viewfix ") and "://" not in line and "--ray" not in line]


def words(command: str) -> list[str]:
    """As a shell splits and expands them."""
    expanded: list[str] = []
    for word in shlex.split(command)[1:]:
        if "*" in word:
            expanded.extend(sorted(str(path) for path in Path().glob(word)))
        else:
            expanded.append(str(Path(word).expanduser()) if word.startswith("~") else word)
    return expanded


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_the_docs_say_runs(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if page.name == "models.md" and onnx is None:
        pytest.skip("onnx is not installed: pip install 'viewfix[train]'")
    space: dict[str, object] = {"__name__": "docs"}
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, page.name, "exec"), space)
        elif language in ("sh", "console"):
            for command in commands(text):
                capsys.readouterr()
                assert run(words(command)) == 0, command + capsys.readouterr().err
                if language == "console":
                    shown = text.split(f"$ {command}")[1].split("\n$ ")[0].splitlines()[1:]
                    printed = capsys.readouterr().out
                    for line in (each.removesuffix("…") for each in shown if each):
                        assert masked(line) in masked(printed), f"{command} does not print: {line}"


def masked(text: str) -> str:
    """Numbers differ a little between processors; words do not."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip()


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_cli_reference_is_what_the_code_says() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from make_cli_reference import TARGET, reference
    finally:
        sys.path.pop(0)
    assert TARGET.read_text(encoding="utf-8") == reference(), "run: python docs/make_cli_reference.py"
