"""Build a map of a small drawn town and find photos in it: python examples/build_and_locate.py [FOLDER]"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from viewfix import Fix, Map
from viewfix.demo.town import Town, write_views
from viewfix.geo import distance_m


def run(folder: Path) -> list[Fix]:
    """Draw a town, build a map from its photos, and locate three photos of the town and one of another town."""
    town, elsewhere = Town.tiny(), Town.elsewhere()
    write_views(town, town.map_views(step_m=15), folder / "photos")
    queries = town.query_views(3)
    files = write_views(town, queries, folder / "queries", tell_position=False)
    [foreign] = write_views(elsewhere, elsewhere.query_views(1), folder / "foreign", tell_position=False)

    with Map.build(folder / "town.map", folder / "photos") as city:
        print(city.last_added)
        fixes = [city.locate(file) for file in [*files, foreign]]

    for file, view, fix in zip(files, queries, fixes, strict=False):
        off = f"{distance_m(fix.position, town.position(view)):.1f} m off" if fix.position else "missed"
        print(f"{file.name}: {fix} ({off})")
    print(f"a photo of another town: {fixes[-1]}")
    return fixes


if __name__ == "__main__":
    run(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="viewfix-")))
