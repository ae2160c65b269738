"""Panoramas: what rings of four photos find as 4, 6, 8 or 12 views, and the seconds from a panorama to described views.

    python benchmarks/panoramas.py [--data FOLDER] [--set train|test] [--views 4,6,8,12] [--verify]
    python benchmarks/panoramas.py --half [--field-of-view 100] [--second 0.3] [--ring-px 2560]
    python benchmarks/panoramas.py --time

The rings are made of a set of street-level photos: the four headings of each point are joined into an equirectangular
panorama, and cut into views again. `train` is for choosing, `test` for measuring once. With --verify, candidates
are also verified where similarity leaves a doubt. With --time, a panorama of 4096 x 2048 pixels
is described. --half takes the southern half of the points of train, which takes a third of the time. The other options
vary how rings are cut, and how their views vote.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from viewfix import Map, Photo, Position
from viewfix.embed.describe import Described, Pending, describe
from viewfix.embed.ingest import ingest
from viewfix.geo import distances_m
from viewfix.models import catalogue
from viewfix.models.model import Model
from viewfix.sources import views_of_panorama
from viewfix.store.open import open_or_create
from viewfix.store.store import ModelIdentity

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOUND_M = 25.0
WIDTH_PX = 1600  # the resolution of four photos of 400 pixels and 90 degrees
FOLD = 5  # of the training area, every fifth point is a query

Pixels = npt.NDArray[np.uint8]
Row = dict[str, str]


def ring(faces: Sequence[Pixels], width_px: int = WIDTH_PX) -> Pixels:
    """Join four square photos of 90 degrees (north, east, south, west) into a panorama with its centre to the north.

    What lies above and below the photos is drawn from their first and last row.
    """
    side_px = faces[0].shape[0]
    lon = ((np.arange(width_px) + 0.5) / width_px - 0.5) * 2 * math.pi
    lat = (0.5 - (np.arange(width_px // 2) + 0.5) / (width_px // 2)) * math.pi
    lon, lat = np.meshgrid(lon, lat)
    face = np.round(lon / (math.pi / 2)).astype(int)
    aside = lon - face * (math.pi / 2)
    x = (np.tan(aside) + 1) / 2 * side_px - 0.5
    y = (1 - np.clip(np.tan(np.clip(lat, -1.5, 1.5)) / np.cos(aside), -1, 1)) / 2 * side_px - 0.5
    x, y = x.clip(0, side_px - 1), y.clip(0, side_px - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(left + 1, side_px - 1), np.minimum(top + 1, side_px - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    every, which = np.stack(faces), face % 4
    upper = every[which, top, left] * (1 - across) + every[which, top, right] * across
    lower = every[which, below, left] * (1 - across) + every[which, below, right] * across
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)


def listed(folder: Path, name: str) -> list[Row]:
    with (folder / name).open(newline="") as lines:
        return list(csv.DictReader(lines))


def rows_of(data: Path, which: str, half: bool = False) -> tuple[Path, list[Row], list[Row]]:
    """The folder, the photos of the map, and the queries; of train, of the southern half of the points if wanted."""
    folder = data / "cambridge" / which
    photos = listed(folder, "map.csv")
    if which == "test":
        return folder, photos, listed(folder, "queries.csv")
    points = sorted({(row["lat"], row["lon"]) for row in photos})
    asked, used = set(points[::FOLD]), set(points[: len(points) // 2] if half else points)
    photos = [row for row in photos if (row["lat"], row["lon"]) in used]
    return (
        folder,
        [row for row in photos if (row["lat"], row["lon"]) not in asked],
        [row for row in photos if (row["lat"], row["lon"]) in asked],
    )


def photo_of(folder: Path, row: Row) -> Photo:
    at = Position(float(row["lat"]), float(row["lon"]))
    return Photo(row["file"], str(folder / row["file"]), at, float(row["heading_deg"]))


def rings(folder: Path, photos: Sequence[Photo], into: Path, width_px: int = WIDTH_PX) -> Iterator[Photo]:
    """A panorama for each point that has its four photos, as a PNG."""
    points: dict[Position, dict[float | None, Photo]] = {}
    for photo in photos:
        points.setdefault(photo.position, {})[photo.heading_deg] = photo
    for number, (at, faces) in enumerate(points.items()):
        if sorted(heading for heading in faces if heading is not None) != [0, 90, 180, 270]:
            continue
        pictures = [
            np.asarray(Image.open(faces[heading].source).convert("RGB")) for heading in (0.0, 90.0, 180.0, 270.0)
        ]
        file = into / f"{number}.png"
        Image.fromarray(ring(pictures, width_px)).save(file, compress_level=1)
        yield Photo(file.name, str(file), at, 0.0)


def right(query: Row, photo: Photo) -> bool:
    at = photo.position
    return float(distances_m(float(query["lat"]), float(query["lon"]), [at.lat], [at.lon])[0]) <= FOUND_M


def by_similarity(
    photos: Sequence[Photo], folder: Path, queries: Sequence[Row], model: Model, second: float = 0.0
) -> float:
    """The share of the queries whose most similar photo is right, percent.

    `second` is the weight of the second most similar view of the same panorama, which is added to the first.
    """
    asked = [photo_of(folder, row) for row in queries]
    done = [each for each in describe((Pending(photo) for photo in (*photos, *asked)), model)]
    units = np.stack([each.descriptor for each in done if isinstance(each, Described) and each.descriptor is not None])
    similarities = units[len(photos) :] @ units[: len(photos)].T
    if second:
        _, of = np.unique([photo.source for photo in photos], return_inverse=True)
        views = [np.flatnonzero(of == n) for n in range(of.max() + 1)]
        for columns in views:
            ranked = np.sort(similarities[:, columns], axis=1)[:, ::-1]
            if len(columns) > 1:
                similarities[:, columns] = (ranked[:, 0] + second * ranked[:, 1])[:, None]
    best = similarities.argmax(axis=1)
    return 100 * float(np.mean([right(row, photos[at]) for row, at in zip(queries, best, strict=True)]))


def verified(photos: Sequence[Photo], folder: Path, queries: Sequence[Row], scratch: Path) -> float:
    """The same by a map that verifies where similarity leaves a doubt, by the calibration that ships with viewfix."""

    def one(row: Row) -> bool:
        evidence = city.evidence(folder / row["file"], places=1)
        return bool(evidence.candidates) and right(row, evidence.candidates[0].photo)

    path, model = scratch / f"{len(photos)}.map", catalogue.named(catalogue.DEFAULT, threads=1)
    writer, _ = open_or_create(path, ModelIdentity(model.name, model.fingerprint, model.dim))
    with writer:
        ingest(photos, writer, model)
    with Map.open(path, model=model) as city, ThreadPoolExecutor(os.cpu_count()) as pool:
        return 100 * float(np.mean(list(pool.map(one, queries))))


def seconds(data: Path) -> None:
    """Time a panorama of 4096 x 2048: alone, and one after the other on all cores."""
    source = data / "ingest" / "panoramas" / "examplepano.jpg"
    if not source.exists():
        raise click.ClickException(f"There is no panorama {source}. Say where the data is: --data FOLDER")
    model = catalogue.named(catalogue.DEFAULT, threads=1)
    views = views_of_panorama(Photo("p", str(source), Position(0, 0), 0.0))
    for name, panoramas in (("one panorama, one core", 1), ("eight panoramas, all cores", 8)):
        work = [Pending(replace(view, id=f"{n}{view.id}")) for n in range(panoramas) for view in views]
        best = math.inf
        for _ in range(5):
            began = time.perf_counter()
            done = list(describe(_apart(work, len(views)), model))
            best = min(best, time.perf_counter() - began)
            assert all(isinstance(each, Described) for each in done)
        click.echo(f"{name}: {best / panoramas:.2f} s for each, decoding included (the best of 5)")


def _apart(work: Sequence[Pending], views: int) -> Iterator[Pending]:
    """The same file under names that differ, so that each panorama is decoded."""
    for number, item in enumerate(work):
        source = Path(item.photo.source)
        name = source if number // views % 2 else source.parent / "." / ".." / source.parent.name / source.name
        yield Pending(replace(item.photo, source=str(name)))


@click.command()
@click.option("--data", default=DATA, show_default="../shared/data", type=click.Path(path_type=Path))
@click.option("--set", "which", default="train", show_default=True, type=click.Choice(["train", "test"]))
@click.option("--views", default="4,6,8,12", show_default=True, help="Numbers of views, separated by commas.")
@click.option("--verify", is_flag=True, help="Also measure with verification, which takes minutes.")
@click.option("--half", is_flag=True, help="Only the southern half of the points of train.")
@click.option("--field-of-view", default=90.0, show_default=True, help="Of each view, degrees.")
@click.option("--second", default=0.0, show_default=True, help="The weight of the second best view of a panorama.")
@click.option("--ring-px", default=WIDTH_PX, show_default=True, help="The width of the joined panoramas.")
@click.option("--time", "timed", is_flag=True, help="Time a panorama instead.")
def main(  # noqa: PLR0913  the options of one command
    data: Path,
    which: str,
    views: str,
    verify: bool,
    half: bool,
    field_of_view: float,
    second: float,
    ring_px: int,
    timed: bool,
) -> None:
    """Print Recall@1 of the photos as taken and of rings cut into views."""
    if timed:
        seconds(data)
        return
    if not (data / "cambridge" / which).is_dir():
        raise click.ClickException(f"There are no photos in {data / 'cambridge'}. Say where they are: --data FOLDER")
    folder, rows, queries = rows_of(data, which, half)
    photos = [photo_of(folder, row) for row in rows]
    click.echo(f"cambridge/{which}: {len(queries)} queries, {len(photos)} photos")
    model = catalogue.named(catalogue.DEFAULT, threads=1)
    with tempfile.TemporaryDirectory() as scratch:
        made = list(rings(folder, photos, Path(scratch), ring_px))
        sources = {"as taken": photos} | {
            f"{count} views": [
                view for each in made for view in views_of_panorama(each, count=count, field_of_view_deg=field_of_view)
            ]
            for count in map(int, views.split(","))
        }
        for name, source in sources.items():
            found = f"{by_similarity(source, folder, queries, model, second):5.1f} % by similarity"
            if verify:
                found += f", {verified(source, folder, queries, Path(scratch)):5.1f} % with verification"
            click.echo(f"  {name:10s} {len(source):5d} photos  Recall@1 {found}")


if __name__ == "__main__":
    main()
