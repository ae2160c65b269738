"""README and docs are executed: every Python block and every viewfix command, in a folder as a reader would have it."""

import ast
import re
import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recordings import eastwards, gopro_film, gpx
from streets import GRID, STREETS, osm

try:
    import onnx
except ImportError:
    onnx = None  # type: ignore[assignment]

import viewfix
from viewfix.cli import run
from viewfix.types import Position

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
LINES_OF_A_PARAGRAPH = 3
SIGHTS = """\
name,lat,lon,kind,name:uk,wikipedia
Old Tower,49.99867,20.00008,historic=tower,Стара вежа,en:Tower
Harbour Museum,49.99965,20.00100,tourism=museum,,
"""  # around the place of holiday.jpg
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture
def desk(street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the docs assume: folders of photos, a holiday photo, a home folder."""
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
    (tmp_path / "album").mkdir()
    for file in files[:3]:  # without their EXIF, so without positions and times
        Image.open(file).save(tmp_path / "album" / file.name, quality=95)
    for name in ("holiday.jpg", "where.jpg", "a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(files[5], tmp_path / name)
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "beach.jpg")
    (tmp_path / "sights.csv").write_text(SIGHTS, encoding="utf-8")
    (tmp_path / "streets.osm").write_text(osm(GRID, STREETS, origin=Position(49.9986, 19.9985)), encoding="utf-8")
    if onnx is not None:  # a custom network, for the page about models
        tensor = onnx.helper.make_tensor_value_info
        ends = tensor("x", 1, ["n", 3, 322, 322]), tensor("y", 1, ["n", 3, 322, 322])
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", *([end] for end in ends))
        onnx.save(onnx.helper.make_model(graph), tmp_path / "plain.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def film_and_track(folder: Path) -> None:
    """Add a film of a few seconds with positions, and the track of a recorder that ran longer."""
    gopro_film(folder / "drive.mp4", eastwards(5, 4.0), count=40)
    gpx(folder / "track.gpx", eastwards(60, 4.0), datetime(2024, 5, 1, 11, 59, 40, tzinfo=UTC))


def commands(text: str) -> list[str]:
    """The lines of a shell block that call viewfix, without prompt and comment.

    Commands with a server of the reader are left out: tests/engines runs every command over real servers.
    """
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith("viewfix ") and "://" not in line and "--ray" not in line]


def words(command: str) -> list[str]:
    """The arguments of a command, split and expanded as a shell does it."""
    expanded: list[str] = []
    for word in shlex.split(command)[1:]:
        if "*" in word:
            expanded.extend(sorted(str(path) for path in Path().glob(word)))
        else:
            expanded.append(str(Path(word).expanduser()) if word.startswith("~") else word)
    return expanded


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_the_docs_say_runs(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if page.name == "models.md" and onnx is None:
        pytest.skip("onnx is not installed: pip install 'viewfix[train]'")
    if page.name == "films.md":
        film_and_track(desk)
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
    """Text without its numbers, which differ a little between processors."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", text)).strip()


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_cli_reference_is_what_the_code_says() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from make_cli_reference import TARGET, reference
    finally:
        sys.path.pop(0)
    assert TARGET.read_text(encoding="utf-8") == reference(), "run: python docs/make_cli_reference.py"


def literals() -> list[str]:
    """Every text in the code of viewfix, with … for each value that is put into it."""
    found: list[str] = []
    for file in (ROOT / "viewfix").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_every_error_in_the_troubleshooting_page_exists_in_the_code() -> None:
    texts = literals()
    headings = re.findall(r"^### `(.+)`$", (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"), re.M)
    assert len(headings) > 10
    for heading in headings:
        assert any(heading in text for text in texts), f"no message of viewfix says: {heading}"


def test_no_paragraph_of_the_readme_is_longer_than_three_lines() -> None:
    text = BLOCK.sub("", (ROOT / "README.md").read_text(encoding="utf-8"))
    for paragraph in re.split(r"\n\s*\n|\n(?=- )", text):
        if not paragraph.lstrip().startswith(("|", "#", "<", "- [")):
            assert len(paragraph.strip().splitlines()) <= LINES_OF_A_PARAGRAPH, paragraph


def test_every_page_of_the_docs_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        assert page.relative_to(ROOT / "docs").as_posix() in navigation, f"add {page.name} to nav in mkdocs.yml"


def test_the_api_reference_covers_every_public_name() -> None:
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in viewfix.__all__:
        thing = getattr(viewfix, name)
        if isinstance(thing, type):
            module = thing.__module__
            assert re.search(rf"^::: {re.escape(module)}(\.{name})?$", reference, re.M), f"add {module}.{name}"
