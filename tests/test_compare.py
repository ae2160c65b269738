"""Drawings that compare photos: the plot of a map, with thumbnails and progress."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viewfix import Photo, Position
from viewfix.compare.scatter import draw_map, spread_over_grid
from viewfix.store.store import ModelIdentity, Record, Store

RED = (255, 0, 0)


@pytest.fixture
def map_of_red_photos(tmp_path: Path) -> Path:
    """Twelve photos, all of one red, in two folders; one file is missing."""
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(12, 16)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    records = []
    for number in range(12):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (120, 90), RED).save(file)
        photo = Photo(f"{'north' if number % 2 else 'south'}/{number}.png", str(file), Position(50, 20 + number / 1e4))
        records.append(Record(photo, str(number)))
    (tmp_path / "3.png").unlink()
    with Store.create(tmp_path / "red.map", ModelIdentity("toy", "f" * 64, 16)) as store:
        store.put(records, looks)
    return tmp_path / "red.map"


def red_pixels(file: Path) -> int:
    with Image.open(file) as drawn:
        return int((np.asarray(drawn.convert("RGB")) == RED).all(axis=2).sum())


def test_a_plot_shows_thumbnails_and_reports_progress(map_of_red_photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    stages: dict[str, tuple[int, int | None]] = {}
    with Store.open(map_of_red_photos) as store:
        draw_map(
            store, tmp_path / "with.png", method="pca", progress=lambda stage, *counts: stages.update({stage: counts})
        )
        draw_map(store, tmp_path / "without.png", method="pca", thumbnails=False)
    assert list(stages) == ["reading the photos", "laying out 12 photos", "drawing thumbnails", "writing the picture"]
    done, total = stages["drawing thumbnails"]
    assert done == total >= 4
    assert red_pixels(tmp_path / "without.png") == 0
    assert red_pixels(tmp_path / "with.png") > 4 * 40 * 30
    assert not list(tmp_path.glob("*.part"))


def test_thumbnails_are_spread_over_the_plot() -> None:
    crowd = np.random.default_rng(0).normal(0, 0.01, (500, 2))
    corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
    points = np.concatenate([crowd, corners]).astype(np.float32)
    chosen = spread_over_grid(points)
    assert {500, 501, 502, 503} <= set(chosen.tolist())
    assert len(chosen) == 5, "one of the crowd, since thumbnails must not cover each other"
