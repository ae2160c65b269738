"""Measure how search time grows with the number of photos, as a table and as a picture.

    python benchmarks/growth.py --keep DIR              ten thousand to ten million photos, 27 GB of disk, 40 minutes
    python benchmarks/growth.py --keep DIR --photos 10000 100000

Existing maps in DIR are used again. Each map is searched by a fresh process with one thread; see benchmarks/million.py.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import million  # noqa: E402
from viewfix.search.indexed import IndexedSearch  # noqa: E402
from viewfix.store.store import Store  # noqa: E402

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "scale-search.webp"
HEAD = "| photos | search, median | 95th percentile | CPU | of the true 10 found |\n|---|---|---|---|---|"


def ask(path: Path) -> dict[str, float]:
    """Measure searching the whole of one map."""
    with Store.open(path) as store, IndexedSearch.opened(store) as search:
        answers, spent = million.clocked(lambda query: search.nearest(query, million.TOP)[0], list(million.asked(path)))
        return {"photos": len(store), **spent._asdict(), "recall": million.recall(answers, million.known_truth(path))}


def measured(path: Path, count: int) -> dict[str, float]:
    """Measure one map in a separate process with one thread; build the map if it does not exist."""
    if not path.exists():
        million.make(path, count)
    million.index(path)
    million.known_truth(path)
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, __file__, "--ask", str(path)]
    done = subprocess.run(command, env=os.environ | one, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def draw(table: list[dict[str, float]], file: Path) -> None:
    """Draw search time over map size, both logarithmic, beside the curve of square-root growth."""
    import matplotlib
    from PIL import Image

    matplotlib.use("agg")
    from matplotlib import pyplot

    photos = [row["photos"] for row in table]
    figure, axes = pyplot.subplots(figsize=(8, 4.6), dpi=150, layout="constrained")
    axes.loglog(photos, [row["median"] for row in table], "o-", color="#0b6e4f", label="search, median", zorder=3)
    axes.loglog(photos, [row["p95"] for row in table], ".:", color="#0b6e4f", label="95th percentile", zorder=3)
    guide = [table[0]["median"] * (count / photos[0]) ** 0.5 for count in photos]
    axes.loglog(photos, guide, "--", color="#888888", label="growing as the square root of the size")
    for row in table:
        label = f"{row['median']:.1f} ms\nrecall {row['recall']:.3f}"
        axes.annotate(
            label, (row["photos"], row["median"]), (0, -14), textcoords="offset points", ha="center", va="top"
        )
    axes.set_xlabel("photos in the map")
    axes.set_ylabel("milliseconds, one thread")
    axes.set_ylim(0.3, max(guide) * 1.5)
    axes.set_xlim(photos[0] / 1.8, photos[-1] * 1.8)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    pyplot.close(figure)
    Image.open(drawn).convert("RGB").save(file, quality=85, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=SIZES)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder of the maps, built if missing")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(ask(given.ask)))
        return
    if given.keep is None:
        parser.error("Name the folder where the maps are to be made: --keep DIR")
    given.keep.mkdir(parents=True, exist_ok=True)
    table = []
    print(HEAD)
    for count in sorted(given.photos):
        row = measured(given.keep / f"{count}.map", count)
        table.append(row)
        cells = (f"{row[name]:.2f} ms" for name in ("median", "p95", "cpu"))
        print(f"| {int(row['photos']):,} | {' | '.join(cells)} | {row['recall']:.4f} |", flush=True)
    draw(table, given.picture)
    print(f"drawn: {given.picture}")


if __name__ == "__main__":
    main()
