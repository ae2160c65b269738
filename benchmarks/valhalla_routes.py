"""Routes of valhalla, by a Python that has pyvalhalla, to compare with; `routes.py` uses it.

pip install pyvalhalla==3.9.1          # in an environment of its own, with Python 3.12 or newer
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import osmium

SHORT: dict[str, dict[str, object]] = {
    "pedestrian": {"shortest": True, "step_penalty": 0, "elevator_penalty": 0, "max_hiking_difficulty": 6},
    "bicycle": {"shortest": True},
    "auto": {"shortest": True},
}
"""What makes valhalla look for the shortest way. "shortest" alone still avoids stairs."""

ORACLE = """
import json, subprocess, sys
from pathlib import Path
import valhalla
from valhalla.config import get_config
folder, pbf, asked = Path(sys.argv[1]), sys.argv[2], json.load(open(sys.argv[3]))
(folder / "tiles").mkdir()
(folder / "tiles.tar").touch()
config = get_config(tile_extract=str(folder / "tiles.tar"), tile_dir=str(folder / "tiles"), verbose=False)
config["mjolnir"].update(admin="", timezone="", concurrency=2)
(folder / "v.json").write_text(json.dumps(config))
program = Path(valhalla.__file__).parent / "bin" / "valhalla_build_tiles"
subprocess.run([str(program), "-c", str(folder / "v.json"), pbf], check=True, capture_output=True)
tar = Path(sys.executable).parent / "valhalla_build_extract"
subprocess.run([str(tar), "-c", str(folder / "v.json"), "-O"], check=True, capture_output=True)
actor, found = valhalla.Actor(config), []
for (a, b), costing, options in asked:
    places = [{"lat": lat, "lon": lon, "radius": 0} for lat, lon in (a, b)]
    query = {"locations": places, "costing": costing, "directions_options": {"units": "km"}}
    if options:
        query["costing_options"] = {costing: options}
    try:
        trip = actor.route(query)["trip"]
        found.append([trip["summary"]["length"] * 1000, trip["legs"][0]["shape"]])
    except Exception:
        found.append(None)
json.dump(found, sys.stdout)
"""


def complete(pbf: Path, to: Path) -> Path:
    """A copy of an extract in which no way has nodes that the extract lacks.

    viewfix cuts such a way where it leaves the extract; valhalla drops it, which is not what is to be compared.
    """
    known = {node.id for node in osmium.FileProcessor(str(pbf), osmium.osm.NODE)}
    fresh = 10_000_000_000
    with osmium.SimpleWriter(str(to)) as writer:
        for node in osmium.FileProcessor(str(pbf), osmium.osm.NODE):
            writer.add(node)
        rest = []  # of ways in several parts: after all others, since valhalla wants ids to ascend
        for way in osmium.FileProcessor(str(pbf), osmium.osm.WAY):
            for number, run in enumerate(_runs([node.ref for node in way.nodes], known)):
                if number:
                    rest.append(osmium.osm.mutable.Way(way, id=fresh + len(rest), nodes=run, tags=dict(way.tags)))
                else:
                    writer.add_way(way.replace(nodes=run))
        for part in rest:
            writer.add_way(part)
        for relation in osmium.FileProcessor(str(pbf), osmium.osm.RELATION):
            writer.add(relation)
    return to


def _runs(refs: Sequence[int], known: set[int]) -> list[list[int]]:
    runs: list[list[int]] = [[]]
    for ref in refs:
        if ref in known:
            runs[-1].append(ref)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def routes(python: Path, pbf: Path, asked: list[Any]) -> list[tuple[float, str] | None]:
    """The length in metres and the encoded line of each route asked for; None if valhalla finds none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "asked.json"
        file.write_text(json.dumps(asked))
        (Path(folder) / "oracle.py").write_text(ORACLE)
        command = [str(python), str(Path(folder) / "oracle.py"), folder, str(pbf.resolve()), str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: list[tuple[float, str] | None] = json.loads(done.stdout.splitlines()[-1])
    return answer
