"""viewfix doctor: check what is installed, what is missing and how to get it, and whether the core works here."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import platform
import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..optional import EXTRAS

OLDEST_SQLITE = (3, 31, 0)
SQLITE_FEATURES = {  # feature: what it is needed for, statements that fail without it
    "R*Tree": ("searching within an area", ("CREATE VIRTUAL TABLE tree USING rtree(row, west, east, south, north)",)),
    "JSON": ("looking up many photos at once", ("SELECT value FROM json_each('[1, 2]')",)),
    "WITHOUT ROWID": ("the tables of a map", ("CREATE TABLE short (key TEXT PRIMARY KEY) WITHOUT ROWID",)),
    "write-ahead log": ("reading a map while it is written", ("PRAGMA journal_mode = WAL",)),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--speed/--no-speed", default=True, help="Measure the speed of this machine, in a few seconds.  [default: speed]"
)
def command(as_json: bool, speed: bool) -> int:
    """Show what is installed, what is missing and how to get it, how fast this machine is, and what would help.

    The exit code is 1 if the core does not work.
    """
    from ..models.devices import available_devices, installed_runtimes, overwritten

    facts: dict[str, Any] = {
        "viewfix": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in _core_packages(installed_runtimes())},
        "extras": {
            package: {"installed": importlib.util.find_spec(package) is not None, "for": purpose, "extra": extra}
            for package, (extra, purpose) in EXTRAS.items()
        },
        "devices": available_devices(),
        "checks": {"SQLite": _sqlite(), "HEIC": _heic(), "default model": _model()},
    }
    broken = [name for name, seen in facts["checks"].items() if not seen.startswith("works")]
    broken += [name for name, version in facts["packages"].items() if version is None]
    facts["speed"], advice = _speed() if speed and not broken else (None, [])
    if as_json:
        click.echo(json.dumps({**facts, "faster": advice}))
        return bool(broken)
    click.echo(f"viewfix {__version__}, Python {facts['python']}, {facts['system']}, {sys.executable}")
    for name, version in facts["packages"].items():
        click.echo(f"  {name:<16} {version or 'MISSING: pip install --force-reinstall viewfix'}")
    for name, seen in facts["checks"].items():
        click.echo(f"  {name:<16} {seen}")
    click.echo(f"  {'devices':<16} {', '.join(facts['devices'])}")
    if twice := overwritten():
        click.echo(f"  {'':<16} {twice}")
    for package, extra in facts["extras"].items():
        state = _version(package) or "installed" if extra["installed"] else f"pip install 'viewfix[{extra['extra']}]'"
        click.echo(f"  {package:<33} {extra['for']}: {state}")
    _print_speed(facts["speed"], advice)
    click.echo("Everything that the core needs works." if not broken else f"Not working: {', '.join(broken)}")
    return bool(broken)


def _speed() -> tuple[dict[str, Any], list[str]]:
    from ..evaluate.machine import faster, measure_machine

    measured = measure_machine()
    return dataclasses.asdict(measured), faster(measured)


def _print_speed(measured: dict[str, Any] | None, advice: list[str]) -> None:
    if measured is None:
        return
    verified_ms = measured["locate_verified_ms"]
    verified = "" if verified_ms is None else f", {verified_ms:.0f} ms verified"
    click.echo(
        f"  {'speed':<16} {measured['photos_per_s']:.0f} photos a second on {measured['cores']} cores; "
        f"locate {measured['locate_ms']:.0f} ms by similarity{verified}"
    )
    for line in advice:
        click.echo(f"  {'faster':<16} {line}")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _core_packages(runtimes: list[str]) -> list[str]:
    """The names of the packages that viewfix requires on every system, without extras.

    Of ONNX Runtime, the package that is installed: one for a GPU takes the place of the usual one.
    """
    try:
        required = importlib.metadata.requires("viewfix") or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder, without an installation
        required = []
    names = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in required if ";" not in line]
    return [name for name in names if name != "onnxruntime"] + (runtimes or ["onnxruntime"])


def _sqlite(connect: Callable[[Path], sqlite3.Connection] = sqlite3.connect) -> str:
    """Try every feature of SQLite that a map needs, in a file, because an in-memory database has no write-ahead log."""
    advice = "use a Python with a complete SQLite, such as the one from python.org"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        return f"fails (SQLite {sqlite3.sqlite_version} is older than {oldest}); {advice}"
    if sqlite3.threadsafety == 0:
        return f"fails (SQLite {sqlite3.sqlite_version} was built without threads); {advice}"
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(connect(Path(folder) / "try.db")) as connection:
        for feature, (purpose, statements) in SQLITE_FEATURES.items():
            try:
                answers = [connection.execute(statement).fetchone() for statement in statements]
            except sqlite3.Error as error:
                return f"fails ({feature}, needed for {purpose}: {error}); {advice}"
            if feature == "write-ahead log" and answers != [("wal",)]:
                return (
                    f"fails ({feature}, needed for {purpose}, does not work in {folder}); set TMPDIR to a local folder"
                )
    return f"works (SQLite {sqlite3.sqlite_version}: {', '.join(SQLITE_FEATURES)})"


def _heic() -> str:
    try:
        import pi_heif
    except ImportError as error:
        return f"fails ({error}); run: pip install pi-heif"
    return f"works (libheif {pi_heif.libheif_version()})"


def _model() -> str:
    import numpy as np

    from ..errors import ViewfixError
    from ..models import catalogue

    try:
        model = catalogue.load(None, threads=1)
        [descriptor] = model.embed([np.zeros((240, 320, 3), np.uint8)])
    except (ViewfixError, ImportError) as error:
        return f"fails ({error})"
    return f"works ({model.name}, {len(descriptor)} dimensions)"
