"""Recall@1, 5 and 10 of models on real photos, side by side.

    python benchmarks/recall.py [MODEL ...] [--dims N ...] [--data FOLDER]

A MODEL is a name from the catalogue or an .onnx file; the default model if none is named. With --dims 256, the first
256 numbers of the descriptors are compared as well. FOLDER/README.md describes the photos; missing sets are reported
and left out.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from viewfix.geo import distances_m
from viewfix.models import catalogue
from viewfix.models.model import Model

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOUND_M = 25.0
FOUND_FRAMES = 2
RANKS = (1, 5, 10)
WALKS = (("day_left", "day_right"), ("night_right", "day_right"), ("night_right", "day_left"))  # queries, map


@dataclass(frozen=True)
class Trial:
    """Queries and the photos of a map; right[q, m] tells whether map photo m shows the place of query q."""

    name: str
    queries: tuple[Path, ...]
    map: tuple[Path, ...]
    right: npt.NDArray[np.bool_]


def street_view(folder: Path) -> Trial:
    """Street-level queries: right is any photo of the map within 25 m, whatever its heading."""

    def listed(name: str) -> tuple[tuple[Path, ...], npt.NDArray[np.float64]]:
        with (folder / name).open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        return tuple(folder / row["file"] for row in rows), np.array([(float(r["lat"]), float(r["lon"])) for r in rows])

    queries, asked = listed("queries.csv")
    photos, places = listed("map.csv")
    right = np.stack([distances_m(lat, lon, places[:, 0], places[:, 1]) <= FOUND_M for lat, lon in asked])
    return Trial("cambridge/test", queries, photos, right)


def walk(folder: Path, queries: str, photos: str) -> Trial:
    """Frames of a walk: right is any frame of the other walk whose number differs by at most 2."""
    asked, known = sorted((folder / queries).glob("*.jpg")), sorted((folder / photos).glob("*.jpg"))
    right = np.abs(np.arange(len(asked))[:, None] - np.arange(len(known))[None]) <= FOUND_FRAMES
    return Trial(f"gardens {queries} in {photos}", tuple(asked), tuple(known), right)


def describe(model: Model, files: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Describe upright pictures: (N, dim) float32. Nothing but the model is measured."""

    def one(file: Path) -> npt.NDArray[np.float32]:
        with Image.open(file) as picture:
            return model.embed([np.asarray(picture.convert("RGB"))])

    with ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(one, files)))


def recall(asked: npt.NDArray[np.float32], known: npt.NDArray[np.float32], trial: Trial, dim: int) -> list[float]:
    """The percentage of all queries with a right photo among the first 1, 5 and 10.

    The first `dim` numbers of each (N, D) descriptor count, brought to length 1.
    """
    asked, known = (x[:, :dim] / np.linalg.norm(x[:, :dim], axis=1, keepdims=True) for x in (asked, known))
    similarity = asked @ known.T
    order = np.argsort(-similarity, axis=1, kind="stable")[:, : max(RANKS)]
    hits = np.take_along_axis(trial.right, order, axis=1)
    return [100.0 * float(hits[:, :rank].any(axis=1).mean()) for rank in RANKS]


@click.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option("--float", "float_file", default=None, help="The float32 file to compare with the default.")
@click.option("--dims", multiple=True, type=int, help="Also compare only this many numbers of each descriptor.")
@click.option("--data", default=DATA, show_default="../shared/data", type=click.Path(path_type=Path))
def main(models: tuple[str, ...], float_file: str | None, dims: tuple[int, ...], data: Path) -> None:
    """Print Recall@1/5/10 in percent for every MODEL and set of photos."""
    chosen = [*(models or (catalogue.DEFAULT,)), *([float_file] if float_file else [])]
    loaded = {name: catalogue.load(name, threads=1) for name in chosen}
    trials = []
    if (data / "cambridge" / "test").is_dir():
        trials.append(street_view(data / "cambridge" / "test"))
    if (data / "gardens_point").is_dir():
        trials += [walk(data / "gardens_point", *pair) for pair in WALKS]
    if not trials:
        raise click.ClickException(f"No photos in {data}. Say where they are: --data FOLDER")
    for trial in trials:
        click.echo(f"{trial.name}: {len(trial.queries)} queries, {len(trial.map)} photos")
        for name, model in loaded.items():
            asked, known = describe(model, trial.queries), describe(model, trial.map)
            for dim in (model.dim, *dims):
                found = recall(asked, known, trial, dim)
                figures = "  ".join(f"R@{rank} {value:5.1f}" for rank, value in zip(RANKS, found, strict=True))
                click.echo(f"  {Path(name).stem:28s} {dim:5d} {figures}")


if __name__ == "__main__":
    main()
