"""Pictures made to exhaust time or memory are refused or stay within the limits, and do not delay honest photos."""

import contextlib
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import difference, saved, scene
from PIL import Image
from test_photos_chunks import chunk, heic, png, segment
from test_photos_position import packet

from viewfix.errors import BadInput, UnreadablePhoto
from viewfix.photos import DecodeLimits, decode, load, metadata, pixels, read_header, set_limits
from viewfix.photos.budget import BUDGET, MemoryBudget
from viewfix.photos.decoder_pool import POOL, DecoderPool, DecoderStopped
from viewfix.photos.plan import MAX_SCANS, plan
from viewfix.photos.xmp import from_xmp


@pytest.fixture(autouse=True)
def usual_limits() -> Iterator[None]:
    yield
    set_limits(DecodeLimits())


def refused(data: Any) -> str:
    with pytest.raises(UnreadablePhoto) as error:
        load(data)
    assert "\n" not in str(error.value)
    return str(error.value)


def progressive(scans: int, size: tuple[int, int] = (64, 64)) -> bytes:
    """A progressive JPEG of one component with this many scans, each of which changes nothing."""
    width, height = size
    tables = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    # one code of one bit: category 0 for the first scan, end of block for the others
    tables += segment(0xC4, b"\0\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10\1" + bytes(15) + b"\0")
    blocks = (-(-width // 8)) * (-(-height // 8))
    zeros = bytes(-(-blocks // 8))
    first = segment(0xDA, b"\1\1\0\0\0\0") + zeros
    rest = (segment(0xDA, b"\1\1\0\1\x3f\0") + zeros) * (scans - 1)
    return b"\xff\xd8" + tables + first + rest + b"\xff\xd9"


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert load(progressive(10)).shape == (64, 64, 3)
    began = time.monotonic()
    assert f"more than {MAX_SCANS} scans" in refused(progressive(MAX_SCANS + 1))
    assert f"more than {MAX_SCANS} scans" in refused(progressive(20_000))
    assert time.monotonic() - began < 5


def test_what_looks_like_a_scan_behind_the_picture_is_not_counted() -> None:
    film = b"\xff\xda" * 1000  # a phone appends a film to its photo
    photo = saved(scene(), progressive=True) + film
    assert difference(load(photo), scene()) < 3


def test_a_jpeg_of_many_pixels_in_many_scans_is_decoded_in_its_own_process() -> None:
    def planned(data: bytes) -> bool:
        return plan(data, read_header(data), None, "The photo").own_process

    assert not planned(progressive(10, (4000, 3000)))
    assert planned(progressive(60, (4000, 3000)))
    assert not planned(saved(scene(), progressive=True))


def test_a_jpeg_of_endless_segments_or_two_sizes_is_damaged() -> None:
    plain = saved(scene())
    assert "more than 10000 segments" in refused(plain[:2] + segment(0xE5, b"") * 11_000 + plain[2:])
    assert "two sizes" in refused(plain[:2] + segment(0xC0, struct.pack(">BHHB", 8, 9, 9, 1) + b"\1\x11\0") + plain[2:])


def tiff(**tags: tuple[int, int, int]) -> bytes:
    """A little-endian TIFF of one table; each tag is (number, type, value)."""
    rows = b"".join(struct.pack("<HHII", number, kind, 1, value) for number, kind, value in sorted(tags.values()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + rows + bytes(4 + 64)


SIZE = {"width": (256, 3, 64), "height": (257, 3, 64)}


def test_a_tiff_whose_tile_is_far_larger_than_the_picture_is_refused() -> None:
    large = tiff(**SIZE, across=(322, 4, 12_000), down=(323, 4, 12_000))
    assert "its tiles have 12000 x 12000 pixels" in refused(large)
    with pytest.raises(UnreadablePhoto, match="its tiles have"):
        read_header(large)
    honest = tiff(**SIZE, across=(322, 4, 512), down=(323, 4, 512))
    assert read_header(honest).width_px == 64
    one_strip = tiff(**SIZE, rows=(278, 4, 2**32 - 1))
    assert read_header(one_strip).width_px == 64


def test_tags_that_share_the_same_megabytes_cost_their_length_once() -> None:
    count, size = 60_000, 20_000_000
    rows = b"".join(struct.pack("<HHII", number, 1, size, 8) for number in range(1000, 1000 + count))
    data = b"II*\0" + struct.pack("<I", size) + bytes(size - 8) + struct.pack("<H", count) + rows + bytes(4)
    began = time.process_time()
    assert "ends before its size" in refused(data)
    photo = png(before=chunk(b"eXIf", data[:4_000_000]))
    assert metadata(photo).position is None
    assert time.process_time() - began < 5


@pytest.mark.parametrize("form", ["TIFF", "AVIF", "HEIF"])
def test_honest_pictures_of_formats_that_are_decoded_apart_are_the_same_pixels(form: str) -> None:
    data = (
        heic(scene())
        if form == "HEIF"
        else saved(scene(), form, **({"compression": "tiff_lzw"} if form == "TIFF" else {}))
    )
    here = decode.decode(data, read_header(data).form, None)
    assert (load(data) == decode.upright(here, 1)).all()


def test_a_decoder_that_takes_too_long_is_killed() -> None:
    data = saved(Image.fromarray(np.zeros((2000, 3000, 3), np.uint8)), "TIFF", compression="tiff_lzw")
    set_limits(DecodeLimits(decode_s=0.001))
    assert "takes more than 0.001 s. Save it again" in refused(data)
    set_limits(DecodeLimits())
    assert load(data).shape == (2000, 3000, 3)


def test_a_decoder_that_crashes_costs_its_picture_only() -> None:
    data = saved(scene(2000, 2000), "TIFF", compression="tiff_lzw")
    pool = DecoderPool()

    class Crashing(DecoderPool):
        def _take(self) -> Any:
            process = super()._take()
            threading.Timer(0.0, process.kill).start()
            return process

    with (
        pytest.raises(DecoderStopped, match="crashed"),
        Crashing().decoding(data, "TIFF", None, memory_bytes=1000, decode_s=30) as decoded,
    ):
        decode.upright(decoded, 1)
    with pool.decoding(data, "TIFF", None, memory_bytes=1000, decode_s=30) as decoded:
        assert (decode.upright(decoded, 1) == scene(2000, 2000)).all()
    pool.close()


def test_an_idle_decoder_that_was_killed_is_replaced() -> None:
    data = saved(scene(), "TIFF", compression="tiff_lzw")
    assert (load(data) == scene()).all()
    for process in POOL.idle:
        process.kill()
        while process.alive:
            time.sleep(0.01)
    assert (load(data) == scene()).all()


def test_the_decoders_of_a_program_end_with_it() -> None:
    code = (
        "import io; from PIL import Image; from viewfix.photos import load\n"
        "from viewfix.photos.decoder_pool import POOL\n"
        "file = io.BytesIO(); Image.new('RGB', (9, 9)).save(file, 'TIFF', compression='tiff_lzw')\n"
        "load(file.getvalue())\n"
        "print(*(process.pid for process in POOL.idle))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert run.stderr == ""
    (pid,) = run.stdout.split()
    if sys.platform == "linux":
        assert not Path(f"/proc/{pid}").exists()


def test_nothing_that_libtiff_says_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    fax = saved(Image.new("1", (64, 2000), 1), "TIFF", compression="group3")
    broken = bytearray(fax)
    rng = np.random.default_rng(3)
    for place in rng.integers(8, len(fax) // 2, 200):
        broken[place] = rng.integers(256)
    with contextlib.suppress(UnreadablePhoto):
        load(bytes(broken))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is limited on Linux only")
def test_a_decoder_that_needs_more_memory_than_it_was_given_fails_alone() -> None:
    data = saved(Image.new("RGB", (12_000, 12_000)), "TIFF", compression="tiff_lzw")
    pool = DecoderPool()
    with (
        pytest.raises(Exception, match="MemoryError|memory"),
        pool.decoding(data, "TIFF", None, memory_bytes=1_000, decode_s=60) as decoded,
    ):
        list(decoded.strips)
    pool.close()


def test_many_threads_may_decode_apart_at_once() -> None:
    data = saved(scene(640, 480), "TIFF", compression="tiff_lzw")
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda _: load(data), range(24)))
    assert all((result == scene(640, 480)).all() for result in results)


def test_pictures_wait_until_the_budget_has_room_for_them() -> None:
    budget = MemoryBudget()
    budget.limits = DecodeLimits(memory_bytes=100)
    most, lock, inside = [0], threading.Lock(), [0]

    def one(wanted: int) -> None:
        with budget.reserved(wanted, "x"):
            with lock:
                inside[0] += wanted
                most[0] = max(most[0], inside[0])
            time.sleep(0.002)
            with lock:
                inside[0] -= wanted

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, [30, 40, 60, 10] * 10))
    assert 60 <= most[0] <= 100
    assert budget.used_bytes == 0


def test_a_picture_larger_than_the_budget_is_decoded_alone_or_refused() -> None:
    data = saved(scene())
    set_limits(DecodeLimits(memory_bytes=1000))
    assert difference(load(data), scene()) < 3
    set_limits(DecodeLimits(memory_bytes=1000, refuse_larger=True))
    assert "MB to decode" in refused(data)
    assert BUDGET.used_bytes == 0


def test_limits_that_allow_nothing_are_refused() -> None:
    for wrong in ({"memory_bytes": 0}, {"decode_s": 0.0}, {"decode_s": float("nan")}):
        with pytest.raises(BadInput, match="must be more than 0"):
            DecodeLimits(**wrong)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
def test_a_small_file_of_many_pixels_costs_two_copies_and_gives_them_back() -> None:
    code = (
        "import io, resource, sys; from pathlib import Path; from viewfix.photos import load\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "held = lambda: int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize() / 1e6\n"
        "data = Path(sys.argv[1]).read_bytes(); load(Path(sys.argv[2]).read_bytes()); before = peak(), held()\n"
        "pixels = load(data); size = pixels.nbytes / 1e6; del pixels\n"
        "print((peak() - before[0]) / size, held() - before[1])"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.webp", Path(folder) / "small.webp"
        Image.new("RGB", (6000, 6000), (9, 99, 199)).save(large, lossless=True)
        Image.new("RGB", (60, 60), (9, 99, 199)).save(small, lossless=True)
        run = subprocess.run(
            [sys.executable, "-c", code, str(large), str(small)], check=True, capture_output=True, text=True
        )
    copies, left_mb = map(float, run.stdout.split())
    assert copies < 1.3, "this process holds the pixels and a strip of them; the rest was another's"
    assert left_mb < 30


CROWD = """
import resource, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
from viewfix.errors import UnreadablePhoto
from viewfix.photos import DecodeLimits, load, set_limits
from viewfix.photos.decoder_pool import POOL
set_limits(DecodeLimits(memory_bytes=900_000_000, decode_s=60, refuse_larger=True))
hostile, scans, honest = (Path(name).read_bytes() for name in sys.argv[1:])
page = resource.getpagesize()

def resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page / 1e6
    except OSError:
        return 0.0

def one(data):
    try:
        return load(data).shape
    except UnreadablePhoto as error:
        return str(error)

most, over = [0.0], threading.Event()
def watch():
    me = Path(f"/proc/self/task")
    while not over.is_set():
        children = {pid for task in me.iterdir() for pid in (task / "children").read_text().split()}
        most[0] = max(most[0], sum(map(resident, ["self", *children])))
        time.sleep(0.02)

watcher = threading.Thread(target=watch); watcher.start()
with ThreadPoolExecutor(8) as threads:
    results = list(threads.map(one, [hostile, honest, scans, honest] * 8))
over.set(); watcher.join()
large = sum(shape == (4000, 4000, 3) for shape in results[0::4])
fine = sum(shape == (64, 96, 3) for shape in results[1::2])
scanned = sum("scans" in text for text in results[2::4])
POOL.close(); time.sleep(0.1)
print(large, fine, scanned, most[0], resident("self"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits and reads memory as Linux does")
def test_hostile_pictures_among_honest_ones_stay_within_two_gigabytes(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 4000), (9, 99, 199)).save(tmp_path / "large.webp", lossless=True)
    (tmp_path / "scans.jpg").write_bytes(progressive(2000))
    (tmp_path / "honest.jpg").write_bytes(saved(scene()))
    files = [str(tmp_path / name) for name in ("large.webp", "scans.jpg", "honest.jpg")]
    run = subprocess.run([sys.executable, "-c", CROWD, *files], check=True, capture_output=True, text=True)
    large, fine, scanned, most_mb, left_mb = map(float, run.stdout.split())
    assert (large, fine, scanned) == (8, 16, 8)
    assert most_mb < 1500
    assert left_mb < 300


@pytest.mark.parametrize("depth", [20_000, 200_000])
def test_nested_xmp_costs_what_its_length_is(depth: int) -> None:
    inner = "<rdf:Description exif:GPSLatitude='1N' exif:GPSLongitude='2E'/>"
    nested = "<exif:x><rdf:Bag><rdf:li>" * (depth // 4) + inner + "</rdf:li></rdf:Bag></exif:x>" * (depth // 4)
    began = time.process_time()
    about = from_xmp(packet('exif:GPSImgDirection="90"', nested))
    assert about.position is None
    assert about.heading_deg == 90.0
    assert time.process_time() - began < 5


def test_texts_of_a_png_are_not_unpacked_without_end() -> None:
    bomb = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1_000_000)))
    began = time.process_time()
    metadata(png(before=bomb * 3000))
    assert time.process_time() - began < 2


def test_the_boxes_of_a_heic_that_repeat_without_end_are_damaged() -> None:
    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    place = struct.pack(">HHH", 1, 0, 65_535)
    table = box(b"iloc", b"\0\0\0\0\0\0" + struct.pack(">H", 60_000) + place * 60_000)
    data = box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", bytes(4) + table)
    began = time.process_time()
    assert "too many pieces" in refused(data)
    assert time.process_time() - began < 2


def test_the_size_of_a_webp_is_checked_before_its_canvas_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_383).to_bytes(3, "little") * 2
    data = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
    monkeypatch.setattr(pixels, "decode", lambda *_: pytest.fail("it was decoded"))
    assert "16384 x 16384 pixels, but pictures over 200 million" in refused(data)
