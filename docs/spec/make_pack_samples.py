"""Make the sample packs of docs/spec/pack.md: two good ones, and one for each rule that a pack can break.

    python docs/spec/make_pack_samples.py

They hold only data files: no model, no app. All numbers are made up, so that the samples are free to copy.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from viewfix.pack.bundle import bundled
from viewfix.pack.compress import compressed
from viewfix.pack.defaults import query_defaults
from viewfix.pack.folder import Stored, manifest_of, version_of
from viewfix.pack.photos import DEGREE, NO_HEADING, quantized
from viewfix.roads.coding import encode
from viewfix.roads.graph import Graph, Kind
from viewfix.track.model import TrackModel

SAMPLES = Path(__file__).with_name("samples")
DIM, COUNT = 8, 4
PREPROCESSING = {
    "sizing": "area", "width_px": 320, "height_px": 320, "multiple_px": 32, "longest_aspect": 2.0,
    "interpolation": "bilinear", "layout": "NHWC uint8", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0],
}  # fmt: skip
POINT = {
    "id": "node/1", "name": "Clock Tower", "kind": "tourism=attraction", "position": {"lat": 50.0003, "lon": 20.0002},
    "names": {"uk": "Годинникова вежа"}, "links": {"wikipedia": "https://en.wikipedia.org/wiki/Clock_tower"},
    "notability": 2.0, "attribution": "drawn for this sample", "licence": "CC0-1.0",
    "outline": [0, 0, 30, 0, 30, 50, 0, 0],
}  # fmt: skip


def roads_of() -> Graph:
    """Three streets that meet, one of them bent, with a bollard at the end of one, and a turn that is forbidden."""
    column = [np.array(each, np.int64) for each in (
        [5000000, 5000000, 5000050, 5000050], [2000000, 2000100, 2000000, 2000000],  # junctions
        [0, 0, 2], [1, 2, 3], [0, 1, 2], [1, 0, 0], [715, 620, 0], [0, 1, 0], [5000020], [2000010],
    )]  # fmt: skip
    kinds = (Kind("residential", 63), Kind("footway", 3), Kind("gate", 15))
    turns = np.array([[1, 1, 3]], np.int64)
    return Graph(*column, kinds, ("", "Long Street"), "drawn for this sample", "CC0-1.0", turns)


About, Arrays, Files, Manifest = dict[str, Any], dict[str, Any], dict[str, bytes], dict[str, Any]


def about_of() -> About:
    """The object `about` of photos.bin, only what every pack has."""
    return {
        "dim": DIM,
        "model": {"name": "sample", "fingerprint": "0" * 64, "dim": DIM, "preprocessing": PREPROCESSING},
        "map": "sample",
        "title": "Sample",
        "points": 0,
        "basemap": False,
        "webgpu": False,
        "check": {"side_px": 320, "least_cosine": 0.995, "descriptor": [1.0] + [0.0] * (DIM - 1)},
        "calibration": {"bias": -3.0, "similarity": 2.0, "margin": 15.0, "agreement": 1.0, "density": 0.2,
                        "stranger": 0.6, "radius_m": 25.0, "photos": 0},
        "query": query_defaults(),
        "photos": COUNT,
        "ids": [f"a-street-of-the-sample/photo-{n}.jpg" for n in range(COUNT)],
        "credits": [{"attribution": None, "licence": None}],
    }  # fmt: skip


def arrays_of() -> Arrays:
    """The arrays of photos.bin, only those that every pack has."""
    units = np.eye(COUNT, DIM) + 0.1
    rows, scales = quantized((units / np.linalg.norm(units, axis=1, keepdims=True)).astype(np.float32))
    return {
        "rows": rows.reshape(-1),
        "scales": scales,
        "middle": np.full(DIM, 0.25, np.float32),
        "lats": np.rint((50 + 0.0001 * np.arange(COUNT)) * DEGREE).astype(np.int32),
        "lons": np.rint((20 + 0.0001 * np.arange(COUNT)) * DEGREE).astype(np.int32),
        "headings": np.array([0, 9000, 35999, NO_HEADING], np.uint16),
    }


def more_about() -> About:
    """What a pack may have beside."""
    return {
        "points": 1,
        "credits": [{"attribution": None, "licence": None}, {"attribution": "A. Photographer", "licence": "CC0-1.0"}],
        "credit_of": [0, 1, 1, 0],
        "taken_at": [None, "2026-06-01T10:00:00+00:00", "2026-06-01T10:00:05", None],
        "views": [None, {"yaw_deg": 90.0, "pitch_deg": 0.0, "field_of_view_deg": 70.0}, {"time_s": 1.5}, None],
        "cameras": [None, {"focal_35mm": 26.0, "width_px": 4000, "height_px": 3000}],
        "camera_of": [0, 1, 1, 0],
        "track": TrackModel(said=(0.0, 0.5, 1.0), true=(0.0, 0.4, 1.0)).to_json(),
    }


class Sample:
    """One pack in the making: change its parts, then write it."""

    def __init__(self, *, full: bool = False) -> None:
        self.about, self.arrays = about_of(), arrays_of()
        self.points: list[Any] = []
        self.thumbnails = b""
        if full:
            self.about |= more_about()
            self.arrays |= {"radii": np.array([np.nan, 5, 10, np.nan], np.float32)}
            self.arrays |= {"thumbnails": np.array([0, 10, 10, 25, 30], np.uint32)}
            self.points = [POINT]
            self.about["title"] = "Sample " * 20  # long enough to be compressed
            self.thumbnails = bytes(range(30))  # a reader of the data does not decode them
        self.roads = encode(roads_of()) if full else None
        self.change_photos: Callable[[bytes], bytes] = lambda content: content
        self.change_compressed: Callable[[bytes], bytes] = lambda content: content
        self.change_manifest: Callable[[Manifest], None] = lambda manifest: None
        self.change_files: Callable[[Files], None] = lambda files: None

    def write(self, target: Path) -> None:
        """Write the folder."""
        points = json.dumps(self.points, ensure_ascii=False).encode()
        photos = self.change_photos(bundled(self.about, self.arrays))
        small = compressed("photos.bin", photos)
        files = [
            Stored(
                "photos.bin", photos if small is None else self.change_compressed(small), len(photos), small is not None
            ),
            Stored("points.json", points, len(points)),
        ]
        if self.roads is not None:
            files.append(Stored("roads.bin", self.roads, len(self.roads)))
        part_bytes = 16  # 1 MiB in real packs
        whole = self.thumbnails
        for number, start in enumerate(range(0, len(whole), part_bytes)):
            part = whole[start : start + part_bytes]
            files.append(Stored(f"thumbnails.bin.{number:04d}", part, len(part)))
        version = version_of(files)
        parts = {"thumbnails.bin": {"bytes": len(whole), "part_bytes": part_bytes}} if whole else {}
        listed = {"map": "sample", "title": "Sample", "photos": COUNT, "parts": parts}
        manifest = json.loads(manifest_of(version, listed, files))
        self.change_manifest(manifest)
        written = {f"v-{version}/{file.file}": file.content for file in files}
        written["pack.json"] = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        self.change_files(written)
        shutil.rmtree(target, ignore_errors=True)
        for path, content in written.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)


def broken() -> dict[str, Sample]:
    """One sample for each rule: the name says what is wrong."""
    made: dict[str, Sample] = {}

    def sample(name: str, *, full: bool = True) -> Sample:
        made[f"pack-broken-{name}"] = found = Sample(full=full)
        return found

    def in_manifest(name: str, change: Callable[[Manifest], None]) -> None:
        sample(name).change_manifest = change

    def in_files(name: str, change: Callable[[Files], None]) -> None:
        sample(name).change_files = change

    def in_bytes(name: str, change: Callable[[bytes], bytes]) -> None:
        sample(name).change_photos = change

    def in_about(name: str, change: Callable[[About], None]) -> None:
        change(sample(name).about)

    def in_array(name: str, array: str, at: int, value: float) -> None:
        sample(name).arrays[array][at] = value

    in_files("manifest-not-json", lambda files: files.update({"pack.json": files["pack.json"][:-9]}))
    in_manifest("format-newer", lambda m: m.update(format=2))
    in_manifest("version", lambda m: m.update(version="../../../../etc0"))
    in_manifest("path-outside", lambda m: m["files"][1].update(path="../points.json"))
    in_manifest("path-twice", lambda m: m["files"].append(m["files"][0]))
    in_manifest("size-negative", lambda m: m["files"][0].update(bytes=-1))
    in_manifest("checksum-form", lambda m: m["files"][0].update(sha256="0"))
    in_manifest("part-of-no-bytes", lambda m: m["parts"]["thumbnails.bin"].update(part_bytes=0))
    in_manifest("part-missing", lambda m: m["files"].pop())
    in_manifest("file-missing", lambda m: m["files"].pop(1))
    in_files("checksum", lambda files: files.update(_changed(files, "points.json", b"[ ]")))
    in_files("cut-off", lambda files: files.update({k: v[:-1] for k, v in files.items() if "photos.bin" in k}))
    sample("compressed-damaged").change_compressed = lambda content: content[:40] + bytes(len(content) - 40)
    in_manifest("compressed-size", lambda m: m["files"][0].update(bytes=m["files"][0]["bytes"] + 1))
    in_bytes("magic", lambda content: b"HTML" + content[4:])
    in_bytes("header-too-long", lambda content: content[:4] + (2**31).to_bytes(4, "little") + content[8:])
    in_bytes("header-not-json", lambda content: content[:8] + b"<" + content[9:])
    in_bytes("array-after-the-end", lambda content: content[:-16])
    in_bytes("array-kind", lambda content: content.replace(b'"int8"', b'"int9"'))
    in_bytes("array-not-aligned", _shifted)
    in_array("latitude", "lats", 2, 900_000_001)
    in_array("longitude", "lons", 2, -1_800_000_001)
    in_array("heading", "headings", 1, 36_000)
    in_array("scale", "scales", 0, np.nan)
    in_array("radius", "radii", 1, -1)
    in_array("thumbnails-backwards", "thumbnails", 1, 26)
    in_array("thumbnails-too-long", "thumbnails", 4, 31)
    in_about("dim", lambda about: about.update(dim=DIM + 1))
    in_about("photos", lambda about: about.update(photos=0))
    in_about("ids", lambda about: about["ids"].pop())
    in_about("credit", lambda about: about["credit_of"].__setitem__(0, 2))
    in_about("time", lambda about: about["taken_at"].__setitem__(1, "yesterday"))
    in_about("view", lambda about: about["views"][1].update(yaw_deg=360.0))
    in_about("camera", lambda about: about["cameras"][1].update(focal_35mm=0))
    in_about("calibration", lambda about: about["calibration"].update(margin=None))
    in_bytes("number-not-finite", lambda content: content.replace(b'"radius_m":25.0', b'"radius_m":NaN '))
    in_about("preprocessing", lambda about: about.update(model=_with_width(about["model"], 100_000)))
    in_about("check", lambda about: about["check"].update(side_px=100_000))
    in_about("query", lambda about: about["query"].update(voters=0))
    in_about("track-number", lambda about: about["track"].update(slope=None))
    in_about("track-curve", lambda about: about["track"].update(true=[0.0, 1.0, 0.4]))
    in_about("points-count", lambda about: about.update(points=2))
    sample("point-position").points = [{**POINT, "position": {"lat": 91, "lon": 0}}]
    sample("point-outline").points = [{**POINT, "outline": [0, 0, 30]}]
    sample("point-corner").points = [{**POINT, "outline": [0, 0, 30.5, 0]}]
    sample("point-name").points = [{**POINT, "name": None}]
    roads = encode(roads_of())
    sample("roads-magic").roads = b"HTML" + roads[4:]
    sample("roads-header").roads = roads.replace(b'"edges":3', b'"edges":x')
    sample("roads-cut-off").roads = roads[:-1]
    sample("roads-too-long").roads = roads + b"\x00"
    sample("roads-kind").roads = roads.replace(b'["footway",3]', b'["<b>way",3]')
    sample("roads-access").roads = roads.replace(b'["footway",3]', b'["footway",64]')
    sample("roads-name").roads = roads.replace(b'"Long Street"', b"3            ")
    sample("roads-junction").roads = roads.replace(b'"junctions":4', b'"junctions":3')
    sample("roads-position").roads = encode(replace(roads_of(), lats=np.array([5000000, 5000000, 9100000, 5000050])))
    sample("roads-turn").roads = encode(replace(roads_of(), turns=np.array([[1, 3, 3]])))
    sample("roads-turn-mode").roads = encode(replace(roads_of(), turns=np.array([[1, 1, 4]])))
    sample("roads-length").roads = encode(replace(roads_of(), lengths_dm=np.array([-5, 620, 0])))
    sample("roads-number-too-long").roads = roads[:-1] + b"\x80\x80\x80\x80\x80\x01"
    return made


def _changed(files: Files, name: str, content: bytes) -> Files:
    """The file of that name with other bytes, padded to the length it had."""
    [path] = [path for path in files if path.endswith(name)]
    return {path: content.ljust(len(files[path]))}


def _shifted(content: bytes) -> bytes:
    """The offset of the last array one byte later than it is."""
    at = content.rindex(b'"offset":') + len(b'"offset":')
    end = content.index(b"}", at)
    return content[:at] + str(int(content[at:end]) + 1).encode() + content[end:]


def _with_width(model: dict[str, Any], width_px: int) -> dict[str, Any]:
    return {**model, "preprocessing": {**model["preprocessing"], "width_px": width_px}}


def main() -> None:
    for old in SAMPLES.glob("pack-*"):
        shutil.rmtree(old)
    for name, sample in {"pack-minimal": Sample(), "pack-full": Sample(full=True), **broken()}.items():
        sample.write(SAMPLES / name)
        print(name)


if __name__ == "__main__":
    main()
