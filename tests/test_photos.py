"""Photos of any format are loaded as upright RGB pixels, not larger than needed."""

import io
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import INGEST, STORED, difference, real, saved, scene
from PIL import Image

from viewfix.errors import UnreadablePhoto
from viewfix.photos import load


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_photo_is_upright_however_the_camera_was_held(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(STORED[orientation](scene()), form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    assert difference(load(data), scene()) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_picture_with_an_orientation_is_turned_upright(orientation: int) -> None:
    picture = Image.fromarray(np.ascontiguousarray(STORED[orientation](scene())))
    picture.getexif()[0x0112] = orientation
    assert difference(load(picture), scene()) == 0


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert difference(load(saved(scene(), exif=exif)), scene()) < 3


@pytest.mark.parametrize("way", [str, Path, Path.read_bytes, Image.open, lambda p: np.asarray(Image.open(p))])
def test_a_photo_may_be_passed_in_any_form(way: Any, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(saved(scene(), "PNG"))
    photo = way(file)
    pixels = load(photo)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous and pixels.flags.writeable
    assert (pixels == scene()).all()
    if isinstance(photo, Image.Image):
        photo.close()


def test_the_caller_may_change_the_pixels() -> None:
    array = scene().copy()
    load(array)[:] = 0
    assert (array == scene()).all()


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_heic_and_avif_are_read(form: str) -> None:
    if form == "HEIF":
        heif = pytest.importorskip("pillow_heif", reason="pillow-heif writes the HEIC files of the tests")
        file = io.BytesIO()
        heif.from_pillow(Image.fromarray(scene())).save(file, quality=95)
        data = file.getvalue()
    else:
        data = saved(scene(), "AVIF", quality=95)
    assert difference(load(data), scene()) < 6


def test_heic_is_read_without_changing_pillow_for_the_whole_program() -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif writes the HEIC files of the tests")
    file = io.BytesIO()
    heif.from_pillow(Image.fromarray(scene())).save(file)
    load(file.getvalue())
    assert "HEIF" not in Image.OPEN


def test_heic_and_pillow_are_not_imported_before_a_file_needs_them() -> None:
    late = ("PIL", "pi_heif", "urllib3", "defusedxml")
    code = f"import viewfix.photos, sys; print([m for m in {late} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("least", "expected"),
    [(None, 1600), (1, 200), (100, 200), (149, 200), (151, 400), (600, 800), (601, 1600), (5000, 1600)],
)
def test_a_jpeg_is_decoded_small_but_never_below_the_least_side(least: int | None, expected: int) -> None:
    data = saved(scene(1600, 1200))
    height, width, _ = load(data, least_side_px=least).shape
    assert width == expected
    assert min(height, width) >= min(least or 0, 1200)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_decoded_small_is_upright_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    small = load(saved(STORED[orientation](scene(960, 640)), exif=exif), least_side_px=80)
    assert difference(small, scene(120, 80)) < 6


def test_grey_becomes_rgb() -> None:
    grey = scene()[:, :, 0]
    for photo in (grey, saved(grey, "PNG"), Image.fromarray(grey)):
        assert (load(photo) == grey[:, :, None]).all()


def test_sixteen_bit_grey_is_scaled_not_cut_off() -> None:
    deep = (np.linspace(0, 65535, 256).round().astype(np.uint16)).reshape(16, 16)
    for form in ("PNG", "TIFF"):
        pixels = load(saved(Image.fromarray(deep), form))
        assert (pixels[:, :, 1].ravel() == np.arange(256)).all()


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_a_picture_of_floats_is_scaled_by_the_smallest_usual_white(white: float) -> None:
    values = np.linspace(0, white, 256, dtype=np.float32).reshape(16, 16)
    pixels = load(saved(Image.fromarray(values), "TIFF"))
    assert np.abs(pixels[:, :, 0].ravel().astype(int) - np.arange(256)).max() <= 1


def test_cmyk_becomes_rgb() -> None:
    data = saved(Image.fromarray(scene()).convert("CMYK"))
    assert difference(load(data), scene()) < 6
    assert load(data, least_side_px=16).shape == (16, 24, 3)


def test_transparent_pixels_become_white() -> None:
    colour = np.full((4, 4, 4), (200, 100, 0, 255), np.uint8)
    colour[:2, :, 3] = 0
    colour[2, :, 3] = 51
    palette = Image.fromarray(colour[:, :, :3]).convert("P", palette=Image.Palette.ADAPTIVE)
    for photo in (colour, saved(colour, "PNG"), Image.fromarray(colour)):
        assert (load(photo)[0] == 255).all()
        assert (load(photo)[3] == (200, 100, 0)).all()
        assert np.abs(load(photo)[2].astype(int) - (244, 224, 204)).max() <= 1
    assert (load(saved(palette, "PNG", transparency=palette.getpixel((0, 0)))) == 255).all()
    assert (load(saved(Image.new("LA", (2, 2), (9, 0)), "PNG")) == 255).all()
    assert (load(saved(Image.new("RGB", (2, 2), (9, 9, 9)), "PNG", transparency=(9, 9, 9))) == 255).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((3, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.int64),
    ],
)
def test_an_array_that_is_not_a_picture_is_refused_with_what_to_do(array: np.ndarray) -> None:
    with pytest.raises(UnreadablePhoto, match=r"is not a photo. Pass uint8 from 0 to 255"):
        load(array)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("frames", [1, 3])
def test_the_first_frame_of_a_webp_is_that_of_pillow(mode: str, frames: int) -> None:
    colours = np.random.default_rng(4).integers(0, 256, (900, 700, len(mode)), np.uint8)
    pictures = [Image.fromarray(np.roll(colours, i, axis=0)) for i in range(frames)]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    data = saved(pictures[0], "WEBP", lossless=True, exact=True, **more)
    with Image.open(io.BytesIO(data)) as expected:
        assert expected.mode == mode
        assert (load(data) == load(expected)).all()


def test_many_threads_may_load_at_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(STORED[6](scene(640, 480)), exif=exif)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: load(data, least_side_px=100), range(64)))
    assert all((result == results[0]).all() for result in results)
    assert list(warnings.filters) == before


@real
@pytest.mark.parametrize("shape", ["landscape", "portrait"])
@pytest.mark.parametrize("least", [None, 100])
def test_eight_real_photos_in_eight_orientations_are_one_photo(shape: str, least: int | None) -> None:
    files = [INGEST / "exif_cases" / "orientation" / f"{shape}_{n}.jpg" for n in range(1, 9)]
    first, *others = (load(file, least_side_px=least) for file in files)
    assert (first.shape[0] > first.shape[1]) == (shape == "portrait")
    for other in others:
        # The first is the same scene saved a little brighter; turned wrongly, they correlate with 0.5 at most.
        assert other.shape == first.shape
        assert np.corrcoef(other.ravel(), first.ravel())[0, 1] > 0.95
        # At a quarter, 450 px are 112.5: which end the half pixel falls on depends on the turn.
        assert difference(other, others[0]) < (5 if least is None else 10)


@real
def test_a_real_heic_photo_is_upright() -> None:
    assert load(INGEST / "exif_cases" / "heic-iphone7.heic").shape == (3024, 4032, 3)


@real
def test_every_real_photo_becomes_pixels() -> None:
    for file in sorted(INGEST.rglob("*.jp*g")):
        height, width, channels = load(file, least_side_px=64).shape
        assert channels == 3 and height and width
