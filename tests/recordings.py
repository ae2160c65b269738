"""Films and telemetry made for the tests: small MP4s, and the boxes, samples and subtitles that cameras write."""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LAT, LON = 60.0, 24.0
METRE_LAT = 1 / 111_412.0  # degrees at 60 degrees north
METRE_LON = 1 / 55_800.0


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def full(kind: bytes, content: bytes, version: int = 0) -> bytes:
    return box(kind, struct.pack(">B3x", version) + content)


def trak(form: bytes, samples: Sequence[bytes], offset: int, second_s: float = 1.0, delay_s: float = 0.0) -> bytes:
    """A data track whose samples lie one after the other at an offset of the file, each `second_s` long."""
    scale = 1000
    sizes = struct.pack(">II", 0, len(samples)) + b"".join(struct.pack(">I", len(each)) for each in samples)
    table = (
        full(b"stsd", struct.pack(">I", 1) + struct.pack(">I4s8x", 16, form))
        + full(b"stts", struct.pack(">III", 1, len(samples), round(second_s * scale)))
        + full(b"stsc", struct.pack(">IIII", 1, 1, len(samples), 1))
        + full(b"stsz", sizes)
        + full(b"stco", struct.pack(">II", 1, offset))
    )
    media = (
        full(b"mdhd", struct.pack(">IIIIHH", 0, 0, scale, round(len(samples) * second_s * scale), 0, 0))
        + full(b"hdlr", struct.pack(">I4s12x", 0, b"meta") + b"\0")
        + box(b"minf", box(b"stbl", table))
    )
    edit = full(b"elst", struct.pack(">IIiI", 1, round(delay_s * 1000), -1, 0x10000)) if delay_s else b""
    return box(b"trak", (box(b"edts", edit) if edit else b"") + box(b"mdia", media))


def header(created: datetime | None = None, scale: int = 1000) -> bytes:
    seconds = 0 if created is None else round((created - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())
    return full(b"mvhd", struct.pack(">IIII80x", seconds, seconds, scale, 0))


def movie(
    form: bytes,
    samples: Sequence[bytes],
    *,
    second_s: float = 1.0,
    delay_s: float = 0.0,
    created: datetime | None = None,
) -> bytes:
    """An MP4 with one data track and nothing else."""
    start = box(b"ftyp", b"isom\0\0\0\0")
    data = box(b"mdat", b"".join(samples))
    return start + data + box(b"moov", header(created) + trak(form, samples, len(start) + 8, second_s, delay_s))


def with_track(film: bytes, form: bytes, samples: Sequence[bytes], *, second_s: float = 1.0) -> bytes:
    """A film whose index is its last box, with a data track added."""
    at = film.rindex(b"moov") - 4
    before, index = film[:at], film[at + 8 :]
    data = box(b"mdat", b"".join(samples))
    return before + data + box(b"moov", index + trak(form, samples, len(before) + 8, second_s))


def with_boxes(film: bytes, inside_index: bytes) -> bytes:
    """A film whose index is its last box, with more boxes in the index."""
    at = film.rindex(b"moov") - 4
    return film[:at] + box(b"moov", film[at + 8 :] + inside_index)


# GoPro


def klv(key: bytes, kind: bytes, size: int, rows: Sequence[bytes]) -> bytes:
    content = b"".join(rows)
    return key + kind + struct.pack(">BH", size, len(rows)) + content + b"\0" * (-len(content) % 4)


def nested(key: bytes, content: bytes) -> bytes:
    padded = content + b"\0" * (-len(content) % 4)
    return key + b"\0" + struct.pack(">BH", 1, len(content)) + padded


def gps5(
    places: Sequence[tuple[float, float]], *, fix: int = 3, dop: float = 2.0, moment: bytes = b"240501120000.000"
) -> bytes:
    rows = [struct.pack(">5i", round(lat * 1e7), round(lon * 1e7), 12_500, 1000, 100) for lat, lon in places]
    stream = (
        klv(b"GPSF", b"L", 4, [struct.pack(">I", fix)])
        + klv(b"GPSU", b"U", 16, [moment])
        + klv(b"GPSP", b"S", 2, [struct.pack(">H", round(dop * 100))])
        + klv(b"SCAL", b"l", 4, [struct.pack(">i", each) for each in (10_000_000, 10_000_000, 1000, 1000, 100)])
        + klv(b"GPS5", b"l", 20, rows)
    )
    return nested(b"DEVC", nested(b"STRM", stream))


def gps9(places: Sequence[tuple[float, float]], *, fix: int = 3, dop: float = 2.0, seconds: float = 43_200.0) -> bytes:
    days = (datetime(2024, 5, 1) - datetime(2000, 1, 1)).days
    rows = [
        struct.pack(
            ">7iHH",
            round(lat * 1e7),
            round(lon * 1e7),
            12_500,
            1000,
            100,
            days,
            round(seconds * 1000),
            round(dop * 100),
            fix,
        )
        for lat, lon in places
    ]
    scales = (10_000_000, 10_000_000, 1000, 1000, 100, 1, 1000, 100, 1)
    stream = (
        klv(b"TYPE", b"c", 1, [b"lllllllSS"])
        + klv(b"SCAL", b"l", 4, [struct.pack(">i", each) for each in scales])
        + klv(b"GPS9", b"?", 32, rows)
    )
    return nested(b"DEVC", nested(b"STRM", stream))


def glpi(places: Sequence[tuple[float, float]], heading_deg: float) -> bytes:
    rows = [
        struct.pack(">IiiiihhhH", 0, round(lat * 1e7), round(lon * 1e7), 15_000, 0, 0, 0, 0, round(heading_deg * 100))
        for lat, lon in places
    ]
    scales = (1000, 10_000_000, 10_000_000, 1000, 1000, 100, 100, 100, 100)
    stream = (
        klv(b"TYPE", b"c", 1, [b"LllllsssS"])
        + klv(b"SCAL", b"l", 4, [struct.pack(">i", each) for each in scales])
        + klv(b"GLPI", b"?", 28, rows)
    )
    return nested(b"DEVC", nested(b"STRM", stream))


# Others


def camm5(lat: float, lon: float) -> bytes:
    return struct.pack("<HHddd", 0, 5, lat, lon, 12.5)


def camm6(lat: float, lon: float, *, fix: int = 3, radius_m: float = 3.5, gps_s: float = 1_398_600_018.0) -> bytes:
    return struct.pack("<HHdiddfffffff", 0, 6, gps_s, fix, lat, lon, 12.5, radius_m, 5, 0, 0, 0, 0)


def nmea(lat: float, lon: float, stamp_ms: int, status: str = "A") -> bytes:
    def minutes(value: float, digits: int) -> str:
        degrees = int(abs(value))
        return f"{degrees:0{digits}d}{(abs(value) - degrees) * 60:09.6f}"

    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    position = f"{minutes(lat, 2)},{north},{minutes(lon, 3)},{east}"
    return f"[{stamp_ms}]$GPRMC,120000.00,{status},{position},5.0,90.0,010524,,,A*00\r\n".encode()


def gpx(file: Path, places: Sequence[tuple[float, float]], began: datetime, second_s: float = 1.0) -> Path:
    lines = []
    for number, (lat, lon) in enumerate(places):
        at = datetime.fromtimestamp(began.timestamp() + number * second_s, UTC)
        lines.append(
            f'<trkpt lat="{lat:.9f}" lon="{lon:.9f}"><ele>5</ele><time>{at:%Y-%m-%dT%H:%M:%S.%f}Z</time></trkpt>'
        )
    file.write_text(
        '<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
        + "".join(lines)
        + "</trkseg></trk></gpx>"
    )
    return file


def eastwards(count: int, step_m: float) -> list[tuple[float, float]]:
    """Places along a straight line to the east."""
    return [(LAT, LON + number * step_m * METRE_LON) for number in range(count)]


# Films


def picture_of(number: int, width_px: int = 320, height_px: int = 240) -> np.ndarray:
    """A frame that tells its number: by eight bars for its bits, over a texture that moves."""
    texture = np.random.default_rng(7).integers(60, 190, (height_px // 8, width_px // 8, 3)).astype(np.uint8)
    picture = np.roll(texture, number, axis=1).repeat(8, axis=0).repeat(8, axis=1)
    for bit in range(8):
        left = bit * width_px // 8
        picture[: height_px // 4, left : left + width_px // 8] = 235 if number >> bit & 1 else 20
    return picture


def number_in(picture: np.ndarray) -> int:
    """The number that a frame tells."""
    height_px, width_px = picture.shape[:2]
    bars = [picture[: height_px // 5, width_px * (2 * bit + 1) // 16].mean() > 127 for bit in range(8)]
    return sum(1 << bit for bit, is_set in enumerate(bars) if is_set)


def write_film(  # noqa: PLR0913  what a test varies
    path: Path,
    count: int = 100,
    *,
    rate: int = 10,
    group: int = 10,
    size: tuple[int, int] = (320, 240),
    draw: Callable[[int], np.ndarray] | None = None,
    created: datetime | None = None,
    rotation_deg: int = 0,
) -> Path:
    """A film in H.264 with a frame that can be decoded alone every `group` frames; its index is its last box."""
    av = pytest.importorskip("av", reason="the extra [video] is not installed")
    with av.open(str(path), "w", format="mp4") as container:
        if created is not None:
            container.metadata["creation_time"] = created.isoformat()
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "ultrafast", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.gop_size = group
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for number in range(count):
            picture = picture_of(number, *size) if draw is None else draw(number)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def gopro_film(path: Path, places: Sequence[tuple[float, float]], **options: Any) -> Path:
    """A film with one place a second in its telemetry."""
    write_film(path, **options)
    path.write_bytes(with_track(path.read_bytes(), b"gpmd", [gps5([place]) for place in places]))
    return path
