"""A file that is not a photo is refused in one line: what happened, what was found and what to do."""

import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest
from drawn import GPS, difference, saved, scene
from PIL import Image

from viewfix import photos
from viewfix.errors import UnreadablePhoto
from viewfix.photos import Metadata, load, metadata, read_bytes


def refused(photo: Any) -> str:
    """The message that the caller gets."""
    with pytest.raises(UnreadablePhoto) as error:
        load(photo)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_that_is_cut_short_is_refused_not_filled_with_grey(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    for form in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        whole = saved(noise, form)
        for share in (0.1, 0.5, 0.9):
            data = whole[: int(len(whole) * share)]
            assert "Copy it again" in refused(data)
    file = tmp_path / "cut.jpg"
    file.write_bytes(saved(noise)[:2000])
    assert refused(file).startswith(f"{file} ends too early")
    with pytest.raises(UnreadablePhoto, match="ends too early"):
        load(file, least_side_px=8)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it is empty"),
        (b"lat,lon\n60.1,24.9\n", "it is text that begins with 'lat,lon"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"\n {'a': 1}", "it is JSON"),
        (b"%PDF-1.7", "it is a PDF"),
        (b"PK\x03\x04....", "it is a ZIP archive"),
        (b"GIF89a....", "it is a GIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "it is a video"),
        (b"\x01\x02\x03\x04", "it begins with the bytes 01 02 03 04"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_the_message_says_what_a_file_is_that_is_not_a_picture(data: bytes, what: str) -> None:
    assert what in refused(data)


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"RIFF\x10\0\0\0WEBPVP8 "])
def test_garbage_after_a_good_beginning_is_damage(magic: bytes) -> None:
    assert "Copy it again" in refused(magic + bytes(range(256)))


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.mark.parametrize("size", [(60_000, 60_000), (14_143, 14_143), (2_000_000_000, 1)])
def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert f"{size[0]} x {size[1]} pixels, but pictures over 200 million" in refused(bomb(*size))


def test_a_large_picture_below_the_limit_gives_no_warning() -> None:
    # Pillow's own limit of 89 million would warn here, and warnings are errors in these tests.
    assert "is damaged" in refused(bomb(12_000, 12_000)) or "ends too early" in refused(bomb(12_000, 12_000))


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    assert "There is no file at" in refused(tmp_path / "none.jpg")
    assert "is a folder" in refused(tmp_path)
    assert "could not be read" in refused("a\0b.jpg")
    assert "Download it first" in refused("https://example.org/photo.jpg")
    assert "A int is not a photo" in refused(7)


def test_a_lazily_opened_picture_that_turns_out_damaged_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "cut.jpg"
    file.write_bytes(saved(scene(640, 480))[:3000])
    with Image.open(file) as picture:
        assert "The picture ends too early" in refused(picture)


def test_damaged_exif_costs_neither_the_picture_nor_a_warning() -> None:
    whole = piexif.dump({"GPS": GPS, "0th": {0x010F: b"Camera"}})
    rng = np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(6, len(whole), 6):
            broken[place] = rng.integers(256)
        data = saved(scene(), exif=bytes(broken))
        assert load(data).shape[2] == 3
        assert isinstance(metadata(data), Metadata)


class Answers(BaseHTTPRequestHandler):
    tries = 0

    def do_GET(self) -> None:
        Answers.tries += self.path == "/flaky.jpg"
        if self.path == "/flaky.jpg" and Answers.tries < 2:
            self.send_error(503)
        elif self.path == "/none.jpg":
            self.send_error(404)
        elif self.path == "/moved.jpg":
            self.send_response(302)
            self.send_header("Location", "/photo.jpg")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(saved(scene()) if self.path != "/huge.jpg" else bytes(3_000_000))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_photo_is_fetched_from_the_web_despite_a_temporary_failure(web: str) -> None:
    for name in ("photo.jpg", "moved.jpg", "flaky.jpg"):
        assert difference(load(read_bytes(f"{web}/{name}")), scene()) < 3


def test_a_photo_that_the_web_does_not_deliver_is_unreadable(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadablePhoto, match="status 404"):
        read_bytes(f"{web}/none.jpg")
    monkeypatch.setattr(photos.content, "MAX_BYTES", 1_000_000)
    with pytest.raises(UnreadablePhoto, match="photos over 1 MB are not read"):
        read_bytes(f"{web}/huge.jpg")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos.content, "MAX_BYTES", 10)
    (tmp_path / "large.jpg").write_bytes(bytes(11))
    with pytest.raises(UnreadablePhoto, match="Save it smaller"):
        read_bytes(str(tmp_path / "large.jpg"))
