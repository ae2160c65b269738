"""The scripts of examples/ run as they stand."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_map_of_a_drawn_town_finds_its_photos(tmp_path: Path) -> None:
    *inside, foreign = example("build_and_locate").run(tmp_path)
    assert any(fix.found for fix in inside)
    assert not foreign.found


def test_a_source_of_ones_own_skips_bad_lines_by_name(street: Path, tmp_path: Path) -> None:
    files = [str(file) for file in sorted(street.glob("*.jpg"))[:4]]
    lines = [json.dumps({"file": file, "lat": 60 + n / 1000, "lon": 25, "compass": 90}) for n, file in enumerate(files)]
    bad = ['{"file": "x.jpg"}', "not JSON", json.dumps({"file": "y.jpg", "lat": 600, "lon": 25})]
    log = tmp_path / "photos.log"
    log.write_text("\n".join([*lines, *bad]), encoding="utf-8")
    with example("own_source").run(log, tmp_path / "log.map") as city:
        assert {photo.id for photo in city.photos()} == set(files)
        assert [each.id for each in city.last_added.skipped] == ["line 5", "line 6", "line 7"]


def test_a_model_of_ones_own_finds_the_photo_itself(street: Path, tmp_path: Path) -> None:
    query = sorted(street.glob("*.jpg"))[3]
    assert example("own_model").run(street, query, tmp_path / "colours.map") == query.name


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_every_example_says_how_to_run_it(script: Path) -> None:
    first = script.read_text(encoding="utf-8").splitlines()[0]
    assert f"python examples/{script.name}" in first
