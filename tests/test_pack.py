"""The pack: written whole or not at all, equal for equal maps, with a checksum for every file."""

import functools
import hashlib
import io
import json
import lzma
import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tiles
from conftest import Toy
from PIL import Image
from streets import GRID, STREETS, osm

from viewfix import Map, photos, roads
from viewfix.cli import run
from viewfix.errors import BadInput
from viewfix.locate.confidence import LEAST_CONFIDENCE, PRIOR
from viewfix.locate.options import QueryOptions
from viewfix.models import catalogue
from viewfix.pack import PackOptions, app, build, compress, folder, model, read_pack
from viewfix.pack import pack as pack_store
from viewfix.pack.text import whole_characters
from viewfix.pois.nearby import Reach
from viewfix.store.address import Address
from viewfix.store.roads import RoadSource
from viewfix.store.store import ModelIdentity, Store
from viewfix.types import Camera, Photo, PointOfInterest, Position, View

VENDORED = (app.VENDOR / "made-from.sha256").exists()
needs_libraries = pytest.mark.skipif(not VENDORED, reason="viewfix was built without the libraries of its pages")


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the engine, and the model compressed once: both take seconds; tests/browser packs everything."""
    monkeypatch.setattr(app, "LIBRARIES", ("maplibre-gl.css",))
    monkeypatch.setattr(build, "compressed", functools.cache(compress.compressed) if not KEPT else KEPT[0])
    KEPT[:] = [build.compressed]


KEPT: list[Callable[[str, bytes], bytes | None]] = []


def manifest(target: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((target / "pack.json").read_text())
    return found


def every_file(target: Path) -> dict[str, bytes]:
    return {p.relative_to(target).as_posix(): p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()}


@needs_libraries
def test_a_pack_lists_every_file_with_its_checksum(real_map: Path, tmp_path: Path) -> None:
    with Map.open(real_map) as city:
        packed = city.pack(tmp_path / "pocket")
    about, files = manifest(tmp_path / "pocket"), every_file(tmp_path / "pocket")
    assert about["version"] == packed.version
    assert about["photos"] == packed.photos > 0
    listed = {}
    for each in about["files"]:
        path = each.get("file", each["path"])
        listed[path if each.get("root") else f"v-{packed.version}/{path}"] = each
    assert set(listed) == set(files) - {"pack.json"}
    for path, each in listed.items():
        assert hashlib.sha256(files[path]).hexdigest() == each["sha256"]
        assert len(files[path]) == each["download"]
        content = files[path] if "file" not in each else lzma.decompress(files[path])
        assert len(content) == each["bytes"]
    assert sum(map(len, files.values())) == packed.bytes_in_all


@needs_libraries
def test_the_same_map_gives_the_same_files_and_another_another_version(real_map: Path, tmp_path: Path) -> None:
    shutil.copy(real_map, tmp_path / "street.map")
    with Map.open(tmp_path / "street.map") as city:
        first = city.pack(tmp_path / "a")
        assert city.pack(tmp_path / "b").version == first.version
        assert every_file(tmp_path / "a") == every_file(tmp_path / "b")
        city.remove([next(city.photos()).id])
        second = city.pack(tmp_path / "b")
        assert second.version != first.version
        assert second.photos == first.photos - 1
    assert {path.name for path in (tmp_path / "b").glob("v-*")} == {f"v-{second.version}"}, "the old one is replaced"


@needs_libraries
def test_a_pack_that_cannot_be_finished_leaves_the_old_one(
    real_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket")
        before = every_file(tmp_path / "pocket")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(Exception, match="what was there is untouched"):
            city.pack(tmp_path / "pocket", PackOptions(title="Another"))
        monkeypatch.undo()
    assert every_file(tmp_path / "pocket") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pocket"], "nothing is left beside it"


@needs_libraries
def test_a_killed_pack_leaves_the_old_one(real_map: Path, tmp_path: Path) -> None:
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket")
    before = every_file(tmp_path / "pocket")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom viewfix import Map\n"
        "from viewfix.pack import PackOptions, app, build, pack\nbuild.compressed = lambda *_: None\n"
        "app.LIBRARIES = ('maplibre-gl.css',)\nwrite = Path.write_bytes\nwritten = []\n"
        "def dying(self, content):\n    written.append(self)\n    len(written) > 9 and os._exit(9)\n"
        "    write(self, content)\n"
        "Path.write_bytes = dying\n"
        "city = Map.open(sys.argv[1])\n"
        "pack(city.store, city.model, city.calibration, Path(sys.argv[2]), PackOptions(title='Another'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(real_map), str(tmp_path / "pocket")], env=os.environ)
    assert done.returncode == 9
    assert every_file(tmp_path / "pocket") == before
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pocket"], "what the killed one left is deleted"


@needs_libraries
def test_thumbnails_are_packed_as_the_licence_allows(street: Path, tmp_path: Path) -> None:
    with Map.build(tmp_path / "own.map", street) as city:
        licensed = city.pack(tmp_path / "licensed", PackOptions(thumbnails_px=64))
        whole = city.pack(tmp_path / "all", PackOptions(thumbnails_px=64, rule="all"))
        again = city.pack(tmp_path / "again", PackOptions(thumbnails_px=64, rule="all"))
    assert licensed.thumbnails == 0, "no licence says that they may be shown"
    assert whole.thumbnails == whole.photos == again.thumbnails
    assert whole.sizes["thumbnails"] > 0
    assert every_file(tmp_path / "all") == every_file(tmp_path / "again")
    parts = manifest(tmp_path / "all")["parts"]
    assert parts["thumbnails.bin"]["bytes"] == whole.sizes["thumbnails"]


@needs_libraries
def test_thumbnails_of_photos_that_are_gone_are_counted(street: Path, tmp_path: Path) -> None:
    shutil.copytree(street, tmp_path / "photos")
    with Map.build(tmp_path / "own.map", tmp_path / "photos") as city:
        next((tmp_path / "photos").iterdir()).unlink()
        packed = city.pack(tmp_path / "pocket", PackOptions(thumbnails_px=64, rule="all"))
    assert packed.unread == 1
    assert packed.thumbnails == packed.photos - 1


@needs_libraries
def test_a_base_map_is_packed_in_parts(real_map: Path, tmp_path: Path) -> None:
    tiles.write(tmp_path / "town.pmtiles", 50.0, 20.0, np.random.default_rng(0).bytes(2_500_000))
    content = (tmp_path / "town.pmtiles").read_bytes()
    with Map.open(real_map) as city:
        packed = city.pack(tmp_path / "pocket", PackOptions(basemap=tmp_path / "town.pmtiles"))
    parts = sorted((tmp_path / "pocket" / f"v-{packed.version}").glob("basemap.pmtiles.*"))
    assert len(parts) == 3
    assert b"".join(part.read_bytes() for part in parts) == content


def test_what_cannot_be_packed_fails_with_one_clear_line(
    real_map: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = catalogue.load(None)
    Store.create(tmp_path / "empty.map", ModelIdentity(shipped.name, shipped.fingerprint, shipped.dim)).close()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "no.pmtiles").write_text("no map")
    pocket = str(tmp_path / "pocket")
    cases = {
        (str(tmp_path / "none.map"), "-o", pocket): "There is no map",
        (str(tmp_path / "empty.map"), "-o", pocket): "has 0 photos",
        (str(real_map), "-o", str(tmp_path / "mine")): "not a pack, and would be overwritten",
        (str(real_map), "-o", str(tmp_path / "file")): "not a pack, and would be overwritten",
        (str(real_map), "-o", str(tmp_path / "no" / "pocket")): "There is no folder",
        (str(real_map), "-o", pocket, "--basemap", str(tmp_path / "no.pmtiles")): "is not a PMTiles file",
        (str(real_map), "-o", pocket, "--basemap", str(tmp_path / "none.pmtiles")): "cannot be read",
        (str(real_map), "-o", pocket, "--thumbnails", "4"): "Thumbnails must be 16 to 1024 px",
    }
    for arguments, said in cases.items():
        assert run(["pack", *arguments]) == 2, arguments
        error = capsys.readouterr().err
        assert said in error and len(error.splitlines()) == 1, error
    monkeypatch.setattr(app, "VENDOR", tmp_path)
    assert run(["pack", str(real_map), "-o", pocket]) == 2
    assert "built without a network" in capsys.readouterr().err
    assert not Path(pocket).exists()
    assert (tmp_path / "mine" / "diary.txt").read_text() == "mine"


def test_a_model_that_no_browser_can_run_is_refused(city: Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Address.of("home town.map")
    with pytest.raises(BadInput, match="no browser can run it"):
        city.pack(tmp_path / "pocket")
    monkeypatch.setattr(model, "LARGEST_BYTES", 1_000_000)
    with pytest.raises(BadInput, match="more than the 1 MB"):
        model.packed_model(catalogue.load(None), here)
    with pytest.raises(BadInput, match="no browser can run it"):
        model.packed_model(Toy(), here)


@needs_libraries
def test_the_command_prints_sizes_and_how_to_try_the_pack(
    real_map: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pack", str(real_map), "-o", str(tmp_path / "pocket"), "--title", "Old Town"]) == 0
    said = capsys.readouterr().out
    assert "to download" in said and "version" in said
    lead, line = said.splitlines()[-2:]
    assert lead == f"Try it: python -m http.server --directory {tmp_path / 'pocket'} 8000"
    assert "http://localhost:8000/" in line
    assert manifest(tmp_path / "pocket")["title"] == "Old Town"
    assert "<title>Old Town</title>" in (tmp_path / "pocket" / "index.html").read_text()
    assert run(["pack", str(real_map), "-o", str(tmp_path / "pocket"), "--title", "</title><b>", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == sum(told["sizes"].values())
    assert "<b>" not in (tmp_path / "pocket" / "index.html").read_text()


def test_weights_are_rounded_and_descriptors_stay(street: Path) -> None:
    shipped = catalogue.load(None, threads=1)
    content = (app.WEB.parent / "models" / "data" / f"{shipped.name}.onnx").read_bytes()
    rounded = model.rounded(content)
    assert len(rounded) == len(content) and rounded != content
    packed, before = compress.compressed("model.onnx", rounded), compress.compressed("model.onnx", content)
    assert packed is not None and before is not None and len(packed) < 0.8 * len(before)
    session = onnxruntime.InferenceSession(rounded, providers=["CPUExecutionProvider"])
    pictures = [photos.load(path) for path in sorted(street.iterdir())[:6]]
    for wanted, picture in zip(shipped.embed(pictures), pictures, strict=True):
        given = {session.get_inputs()[0].name: shipped.preprocessing.apply(picture)}  # type: ignore[attr-defined]
        [found] = session.run(None, given)[0]
        assert wanted @ found / np.linalg.norm(found) > 0.9999


def test_a_rounded_weight_is_the_nearest_and_never_infinite() -> None:
    weights = np.array([1.0, 1.01, -0.3333, 65504.0, 1e-7, np.inf, np.nan, 0.0] * 5000, np.float16)
    tensor = tiles.field(2, 10) + tiles.field(9, weights.tobytes())
    content = tiles.field(1, 8) + tiles.field(7, tiles.field(5, tensor))
    found = np.frombuffer(model.rounded(content)[-weights.nbytes :], np.float16).astype(np.float64)
    wanted = weights.astype(np.float64)
    same = np.isfinite(wanted)
    normal = same & (np.abs(np.where(same, wanted, 0)) > 1e-4)
    assert (np.abs(found[normal] - wanted[normal]) <= np.abs(wanted[normal]) * 2.0 ** -(model.KEPT_BITS + 1)).all()
    assert np.isfinite(found[same]).all() and np.isinf(found[5]) and np.isnan(found[6]) and found[7] == 0


@needs_libraries
def test_a_pack_is_read_back_as_it_was_packed(real_map: Path, tmp_path: Path) -> None:
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket", PackOptions(thumbnails_px=64, rule="all"))
        photos_there = list(city.photos())
        units = city.store.descriptors(city.store.rows())
    content = read_pack(tmp_path / "pocket")
    about, arrays = content.photos.about, content.photos.arrays
    assert about["ids"] == [photo.id for photo in photos_there]
    rows = arrays["rows"].reshape(len(units), -1) * arrays["scales"][:, None]
    assert np.abs(rows - units).max() < 0.002
    assert "views" not in about and "cameras" not in about, "no photo of the street has either"
    assert len(content.whole["thumbnails.bin"]) == arrays["thumbnails"][-1]


@needs_libraries
def test_views_and_cameras_of_photos_are_packed(street: Path, tmp_path: Path) -> None:
    file = next(street.iterdir())
    at = Position(50.0, 20.0)
    camera = Camera(focal_35mm=26.0)
    made = [
        Photo("a", str(file), at, view=View(yaw_deg=90.0, field_of_view_deg=70.0), camera=camera),
        Photo("b", str(file), at, view=View(time_s=1.5), camera=camera),
        Photo("c", str(file), at),
    ]
    store = OnlyStored(made)
    model = catalogue.load(None)
    pack_store(store, model, PRIOR, tmp_path / "pocket")
    about = read_pack(tmp_path / "pocket").photos.about
    assert about["views"] == [{"yaw_deg": 90.0, "field_of_view_deg": 70.0}, {"time_s": 1.5}, None]
    assert about["cameras"] == [{"focal_35mm": 26.0}, None]
    assert about["camera_of"] == [0, 0, 1]


class NoBasemap:
    def path(self) -> None:
        """There is none."""


class OnlyStored:
    """The smallest store that can be packed, without a map around it."""

    def __init__(self, made: list[Photo]) -> None:
        self.made = made
        self.address = Address.of("home.map")
        self.points = NoPoints()
        self.roads = NoRoads()
        self.basemap_file = NoBasemap()

    def __len__(self) -> int:
        return len(self.made)

    def meta(self, key: str) -> None:
        """Nothing is stored."""

    def rows(self) -> np.ndarray:
        return np.arange(len(self.made))

    def photos(self, rows: object) -> list[Photo]:
        return self.made

    def present(self, rows: object) -> tuple[np.ndarray, np.ndarray]:
        return self.rows(), np.eye(len(self.made), 512, dtype=np.float32)


class NoRoads:
    def sources(self) -> list[RoadSource]:
        return []

    def load(self, source: RoadSource) -> bytes:
        raise AssertionError("there are none")


class NoPoints:
    def all(self) -> list[PointOfInterest]:
        return []


@needs_libraries
def test_the_thumbnail_of_a_view_shows_that_view(tmp_path: Path) -> None:
    sphere = np.zeros((64, 128, 3), np.uint8)
    sphere[:, 32:96] = (250, 0, 0)  # red in the middle, black behind
    Image.fromarray(sphere).save(tmp_path / "sphere.png")
    at, source = Position(50.0, 20.0), str(tmp_path / "sphere.png")
    views = [View(yaw_deg=yaw, field_of_view_deg=60.0) for yaw in (0.0, 180.0)]
    store = OnlyStored([Photo(f"{n}", source, at, view=view) for n, view in enumerate(views)])
    options = PackOptions(thumbnails_px=16, rule="all")
    pack_store(store, catalogue.load(None), PRIOR, tmp_path / "pocket", options)
    content = read_pack(tmp_path / "pocket")
    ends, whole = content.photos.arrays["thumbnails"], content.whole["thumbnails.bin"]
    seen = [np.asarray(Image.open(io.BytesIO(whole[a:b])).convert("RGB")).mean((0, 1)) for a, b in pairwise(ends)]
    assert seen[0][0] > 200 and seen[1][0] < 50


@needs_libraries
def test_a_name_that_is_not_unicode_becomes_whole_characters(tmp_path: Path) -> None:
    store = OnlyStored([Photo("caf\udce9.jpg", "/nowhere", Position(50.0, 20.0), attribution="\ud83d half")])
    pack_store(store, catalogue.load(None), PRIOR, tmp_path / "pocket", PackOptions(title="Caf\udce9"))
    content = read_pack(tmp_path / "pocket")
    assert content.photos.about["ids"] == ["caf\ufffd.jpg"]
    assert content.photos.about["credits"][0]["attribution"] == "\ufffd half"
    assert content.manifest["title"] == "Caf\ufffd"
    assert whole_characters("\ud83d\ude00") == "\U0001f600", "two halves that belong together are one character"


@needs_libraries
def test_the_defaults_of_a_query_travel_with_the_pack(real_map: Path, tmp_path: Path) -> None:
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket")
    query = read_pack(tmp_path / "pocket").photos.about["query"]
    assert query["k"] == QueryOptions().k
    assert query["least_confidence"] == LEAST_CONFIDENCE
    assert query["nearby"]["within_m"] == Reach().within_m


def test_everything_that_the_first_screen_imports_is_left_uncompressed() -> None:
    waiting, seen = ["phone/start.js", "phone/unpack.js"], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            found = re.findall(r'^import .*?from "(.+?)";', (app.WEB / path).read_text("utf-8"), re.MULTILINE)
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(path), each)) for each in found]
    assert {path for path in seen if app.may_compress(path)} == set()
    assert {path for path in app.FIRST if path.endswith(".js")} == seen


@needs_libraries
def test_a_pack_says_in_plain_html_what_to_do_when_it_is_opened_as_a_file(real_map: Path, tmp_path: Path) -> None:
    with Map.open(real_map) as city:
        city.pack(tmp_path / "pocket")
    html = (tmp_path / "pocket" / "index.html").read_text("utf-8")
    for language in ("en", "de", "uk"):
        [said] = re.findall(rf'<p lang="{language}">(.*?)</p>', html, re.DOTALL)
        assert "file:" in said and "python -m http.server" in said and "https" in said


def test_only_a_pack_is_replaced(tmp_path: Path) -> None:
    assert not folder.is_pack(tmp_path)
    (tmp_path / "pack.json").write_text("[]")
    assert not folder.is_pack(tmp_path)
    (tmp_path / "pack.json").write_text('{"format": 1, "version": "0123456789abcdef"}')
    assert folder.is_pack(tmp_path)


def test_the_roads_of_all_files_are_packed(tmp_path: Path, real_map: Path) -> None:
    pytest.importorskip("shapely")
    path = Path(shutil.copy(real_map, tmp_path / "town.map"))
    with Map.open(path) as city:
        at = next(city.photos()).position
    for n, origin in enumerate((at, Position(at.lat + 0.005, at.lon))):
        file = tmp_path / f"{n}.osm"
        file.write_text(osm(GRID, STREETS, origin=origin), encoding="utf-8")
        roads.add(path, file)
    with Map.open(path) as city:
        packed = city.pack(tmp_path / "app")
    assert 0 < packed.sizes["roads"] < 2000
    graph = read_pack(tmp_path / "app").roads
    assert graph is not None and graph.length_m == pytest.approx(8000, rel=1e-3) and len(graph.name_table) == 11
    assert graph.credit == "© OpenStreetMap contributors, ODbL"
