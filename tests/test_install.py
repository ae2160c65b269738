"""What the README says about the first two minutes: installed, and one's own photos on a map with streets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STREET = """<osm version="0.6">
 <node id="1" lat="{south}" lon="{west}"/><node id="2" lat="{north}" lon="{east}"/>
 <way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/><tag k="name" v="Long Street"/></way>
</osm>"""


def commands() -> list[str]:
    """The three commands of the README, from pip install to viewfix open."""
    text = (ROOT / "README.md").read_text("utf-8")
    [block] = re.findall(r"```text\n(pip install .*?)```", text, re.S)
    return block.splitlines()


def test_the_readme_needs_three_commands() -> None:
    install, download, show = commands()
    assert install == "pip install '.[server,basemap]'"
    assert download.startswith("curl ") and show.startswith("viewfix open photos/ --basemap ")
    assert download.rpartition("/")[2] == show.rpartition(" ")[2], (
        "the file that is downloaded is the one that is shown"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the paths of a virtual environment are those of POSIX here")
def test_from_pip_install_to_photos_on_a_map_with_streets(street: Path, town, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    installed = subprocess.run(
        [environment / "bin" / "pip", "install", "--quiet", ".[server,basemap]"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install here: {installed.stderr.splitlines()[-1]}")
    shutil.copytree(street, tmp_path / "photos")
    at = town.position(next(iter(town.map_views(step_m=30))))
    sides = {"south": at.lat - 0.001, "north": at.lat + 0.001, "west": at.lon - 0.001, "east": at.lon + 0.001}
    (tmp_path / "city.osm").write_text(STREET.format(**sides))
    show = [environment / "bin" / "viewfix", "open", "photos/", "--basemap", "city.osm", "--no-browser", "--quiet"]
    own = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    own.pop("PYTHONPATH", None)
    with subprocess.Popen(show, stdout=subprocess.PIPE, text=True, env=own, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            found = None
            while found is None:
                line = process.stdout.readline()
                assert line, "it ended before it served"
                found = re.search(r"(http://127\.0\.0\.1:\d+)\. Stop", line)
            with urllib.request.urlopen(f"{found[1]}/v1/maps", timeout=60) as answer:
                assert b'"photos"' in answer.read()
        finally:
            process.terminate()
    assert list(tmp_path.rglob("*.pmtiles")), "the base map lies beside the map"
