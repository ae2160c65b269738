"""viewfix doctor: what is installed, what is missing and how to get it, and whether the core works here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..optional import EXTRAS

CORE = ("numpy", "pillow", "pi-heif", "defusedxml", "onnxruntime", "faiss-cpu", "pyproj", "filelock", "urllib3")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(as_json: bool) -> int:
    """Say what is installed, what is missing and how to get it. Exit code 1 when the core does not work."""
    facts: dict[str, Any] = {
        "viewfix": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in CORE},
        "extras": {
            package: {"installed": importlib.util.find_spec(package) is not None, "for": purpose, "extra": extra}
            for package, (extra, purpose) in EXTRAS.items()
        },
        "checks": {"sqlite R*Tree": _rtree(), "HEIC": _heic(), "default model": _model()},
    }
    broken = [name for name, seen in facts["checks"].items() if not seen.startswith("works")]
    broken += [name for name, version in facts["packages"].items() if version is None]
    if as_json:
        click.echo(json.dumps(facts))
        return bool(broken)
    click.echo(f"viewfix {__version__}, Python {facts['python']}, {facts['system']}, {sys.executable}")
    for name, version in facts["packages"].items():
        click.echo(f"  {name:<16} {version or 'MISSING: pip install --force-reinstall viewfix'}")
    for name, seen in facts["checks"].items():
        click.echo(f"  {name:<16} {seen}")
    for package, extra in facts["extras"].items():
        state = _version(package) or "installed" if extra["installed"] else f"pip install 'viewfix[{extra['extra']}]'"
        click.echo(f"  {package:<33} {extra['for']}: {state}")
    click.echo("Everything that the core needs works here." if not broken else f"Broken: {', '.join(broken)}")
    return bool(broken)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _rtree() -> str:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "try.db")
        try:
            connection.execute("CREATE VIRTUAL TABLE tree USING rtree(row, west, east, south, north)")
        except sqlite3.OperationalError as error:
            return f"fails ({error}); use a Python whose SQLite has R*Tree, such as the one of python.org"
        finally:
            connection.close()
    return f"works (SQLite {sqlite3.sqlite_version})"


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
