"""Imports point one way, the core stays light, and files stay small enough to read."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "viewfix"

LAYERS = [  # a module may import those of the layers above it, never those below
    {"errors"},
    {"types", "optional"},
    {"geo", "photos", "metrics", "console", "wire", "licences", "plan"},
    {"sources", "models"},
    {"embed", "index", "locate"},
    {"ingest", "retrieval", "verification", "explain", "pois", "copying"},
    {"asking", "cluster"},
    {"trials", "explaining"},
    {"map", "compare"},
    {"migrate", "coverage", "pack", "copying"},
    {"train", "evaluate"},
    {"demo"},
    {"server"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
TORCH_ONLY_IN = {"train"}
FILES = sorted(ROOT.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Absolute names of every module that a file imports, inside functions too."""
    package = ["viewfix", *file.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def part(name: str) -> str:
    return name.split(".")[1] if name.startswith("viewfix.") else ""


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    me = file.relative_to(ROOT).parts[0].removesuffix(".py")
    if me in ("__init__", "__main__"):
        return
    assert me in RANK, f"{file.name} has no place in LAYERS: give it one"
    for name in imports(file):
        other = part(name)
        if other in RANK and other != me:
            assert RANK[other] < RANK[me], f"{me} must not import {other}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_only_the_lab_knows_torch(file: Path) -> None:
    if file.relative_to(ROOT).parts[0] not in TORCH_ONLY_IN:
        heavy = {"torch", "onnx", "torchvision"} & {name.split(".")[0] for name in imports(file)}
        assert not heavy, f"{file.name} imports {heavy}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300
    tree = ast.parse(file.read_text())
    if file.stat().st_size:
        assert ast.get_docstring(tree), "the first line of a module says what flows in and out"


def test_the_whole_core_runs_without_pytorch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "import viewfix.map, viewfix.cli, viewfix.demo.run, viewfix.sources\n"
        "from viewfix.models import catalogue; catalogue.load(None)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("code", ["import viewfix", "import viewfix.cli"])
def test_nothing_heavy_is_imported_before_it_is_used(code: str) -> None:
    heavy = "numpy PIL onnxruntime faiss pyproj rich torch matplotlib pyarrow"
    check = f"{code}, sys; print([m for m in '{heavy}'.split() if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
