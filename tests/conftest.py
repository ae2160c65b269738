"""A toy model and a small drawn town, so that tests need no network, no GPU and no real photos; the marker `heavy`."""

import collections
import os
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viewfix import Map
from viewfix.demo.town import Town, write_views
from viewfix.models.model import Model

SHARED = Path(os.environ.get("VIEWFIX_DATA", Path(__file__).parents[2] / "shared" / "data"))

HEAVY_MODULES = {"torch", "onnxscript"}
"""A test module that imports one of these is heavy."""
HEAVY_FIXTURES = {"milvus", "s3_server", "geovisio"}
"""Servers that only `python3 dev.py test --all` installs. Tests of one server run in one process of pytest-xdist."""


PRIVILEGE_NOT_HELD = 1314  # error number of Windows


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        servers = HEAVY_FIXTURES & set(getattr(item, "fixturenames", ()))
        if "[milvus" in item.name:  # an engine of tests/engines
            servers.add("milvus")
        for server in servers:
            item.add_marker(pytest.mark.xdist_group(server))
        if servers or HEAVY_MODULES & set(vars(getattr(item, "module", None) or object)):
            item.add_marker(pytest.mark.heavy)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Skip a test that makes a symbolic link where Windows does not allow it to."""
    try:
        return (yield)
    except OSError as error:
        if getattr(error, "winerror", None) == PRIVILEGE_NOT_HELD:
            pytest.skip("making symbolic links needs developer mode on Windows")
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the reasons of skipped tests, each once, with the number of tests or test files."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = collections.Counter(each[2].removeprefix("Skipped: ") for each in skipped if isinstance(each, tuple))
    if reasons:
        terminalreporter.section("skipped tests and files, by reason")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5} {reason}")
    if any("viewfix[" in reason for reason in reasons):
        terminalreporter.write_line("      (python3 dev.py test --all installs every extra)")


class Toy(Model):
    """Describes a picture by a tiny grey copy of itself: finds exact repeats and little else. Needs no weights."""

    name = "toy"
    dim = 48
    least_side_px = 16

    def __init__(self, salt: str = "") -> None:
        self.salt = salt

    @property
    def fingerprint(self) -> str:
        return f"toy48{self.salt}".ljust(64, "0")

    def _embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        small = [np.asarray(Image.fromarray(p).convert("L").resize((8, 6)), np.float32).ravel() for p in pictures]
        centred = np.stack(small) - np.mean(small, axis=1, keepdims=True)
        centred[:, 0] += 1e-3  # so that a picture of one colour has a direction too
        return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def photos_of(folder: Path) -> list[Path]:
    """The photos of a folder, by name."""
    return sorted(folder.glob("*.jpg"))


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture(scope="session")
def town() -> Town:
    return Town.tiny()


@pytest.fixture(scope="session")
def street(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of views of one street, with positions and headings in their EXIF."""
    folder = tmp_path_factory.mktemp("street")
    write_views(town, town.map_views(step_m=30), folder, width_px=160, height_px=120)
    return folder


@pytest.fixture
def city(street: Path, tmp_path: Path, toy: Toy):
    with Map.build(tmp_path / "city.map", street, model=toy) as built:
        yield built


@pytest.fixture(scope="session")
def real_map(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the street, made with the default model."""
    path = tmp_path_factory.mktemp("real") / "street.map"
    Map.build(path, street).close()
    return path
