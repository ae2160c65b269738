"""Imports point one way, the core stays light, and files stay small enough to read."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "viewfix"

LAYERS = [  # a folder may import those of the layers above it, never those below or beside it
    {"errors", "links"},
    {"types", "optional", "files", "shell", "timing", "protobuf"},
    {"geo", "metrics", "console", "geojson", "capacity"},
    {"photos", "telemetry"},
    {"models"},
    {"blur"},
    {"sources", "reports"},
    {"store"},
    {"embed", "search"},
    {"locate", "pois"},
    {"basemap"},
    {"roads", "track"},
    {"explain", "copying", "coverage", "pack", "osm"},
    {"thin", "align", "geotag"},
    {"map", "compare"},
    {"migrate", "evaluate", "watch"},
    {"train"},
    {"demo", "server"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
TORCH_ONLY_IN = {"train"}
FILES = sorted(ROOT.rglob("*.py"))
NAMES = {
    "viewfix." + ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in FILES
}


def nodes(file: Path) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement of a file, and whether it stands inside a function."""

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                yield child, inside
            yield from walk(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    yield from walk(ast.parse(file.read_text()), False)


def targets(file: Path, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Absolute names of every module that one statement may import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    package = ["viewfix", *file.relative_to(ROOT).parts[:-1]]
    base = package[: len(package) - node.level + 1] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    yield stem
    yield from (f"{stem}.{alias.name}" for alias in node.names)


def imports(file: Path) -> Iterator[str]:
    """Absolute names of every module that a file imports, inside functions too."""
    for node, _ in nodes(file):
        yield from targets(file, node)


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


def test_no_two_modules_import_each_other_by_any_way_round() -> None:
    """Inside folders too, and counting what is imported for types only: a circle is a module in two halves."""
    graph = {}
    for name, file in NAMES.items():
        wanted = {target for target in imports(file) if target in NAMES and target != name}
        # Naming a module through its package needs the package's own code only where it says more than modules.
        graph[name] = {t for t in wanted if not (NAMES[t].name == "__init__.py" and name.startswith(f"{t}."))}
    with_circles = [" -> ".join(reversed(found)) for found in _circles(graph)]
    assert not with_circles, "\n".join(with_circles)


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        yield error.args[1]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_an_import_inside_a_function_is_of_an_optional_package_or_of_a_command(file: Path) -> None:
    """The lazy names of `import viewfix` itself are the one exception: they keep it at a few milliseconds."""
    if file.relative_to(ROOT).parts[0] == "cli" or file == ROOT / "__init__.py":
        return
    for node, inside in nodes(file):
        ours = [name for name in targets(file, node) if part(name) or name == "viewfix"]
        assert not (inside and ours), f"{file.name}:{node.lineno} imports {ours[0]} inside a function"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_only_the_lab_knows_torch(file: Path) -> None:
    if file.relative_to(ROOT).parts[0] not in TORCH_ONLY_IN:
        heavy = {"torch", "onnx", "torchvision"} & {name.split(".")[0] for name in imports(file)}
        assert not heavy, f"{file.name} imports {heavy}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(file: Path) -> None:
    # The facade holds the reference of every public method, and would be no easier to read in two files.
    ceiling = 520 if file == ROOT / "map.py" else 300
    assert len(file.read_text().splitlines()) <= ceiling
    tree = ast.parse(file.read_text())
    if file.stat().st_size:
        assert ast.get_docstring(tree), "a module begins with a docstring that says what it is for"


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
