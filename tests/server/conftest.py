"""Services in this process, over a small map whose photos are partly licensed, with a sight beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

from starlette.testclient import TestClient  # noqa: E402

from viewfix import Map, Photo, pois  # noqa: E402
from viewfix.server import Settings, create_app  # noqa: E402
from viewfix.server.keys import Keys, new_key  # noqa: E402

from .client import Open  # noqa: E402


@pytest.fixture(scope="package")
def licensed(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the street, half of its photos under an open licence, with a museum beside it."""
    path = tmp_path_factory.mktemp("served") / "town.map"
    with Map.build(path, street) as city:
        photos = list(city.photos())
        given = [Photo(p.id, p.source, p.position, p.heading_deg, p.taken_at, "Ada", "CC BY 4.0") for p in photos[::2]]
        city.add(given)
        at = photos[0].position
    sights = path.with_name("sights.csv")
    sights.write_text(f"name,lat,lon,kind,name:uk\nMill,{at.lat + 0.0004},{at.lon},tourism=museum,Млин\n", "utf-8")
    pois.add(path, sights)
    return path


@pytest.fixture
def opened(licensed: Path, tmp_path: Path) -> Iterator[Open]:
    """Makes a client of an application over a copy of the map."""
    clients: list[TestClient] = []

    def open_(**settings: Any) -> TestClient:
        path = Path(shutil.copy(licensed, tmp_path / f"town{len(clients) or ''}.map"))
        client = TestClient(create_app([path], Settings(**settings)), raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield open_
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="package")
def service(licensed: Path) -> Iterator[TestClient]:
    """One application with the defaults, for all tests that change nothing."""
    with TestClient(create_app([licensed]), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="package")
def photo(street: Path) -> bytes:
    return next(iter(sorted(street.glob("*.jpg")))).read_bytes()


@pytest.fixture
def writable(opened: Open, tmp_path: Path) -> tuple[TestClient, dict[str, str], Path]:
    """A client that may write, its key as headers, and the folder of added photos."""
    folder = tmp_path / "kept"
    folder.mkdir()
    key = new_key(tmp_path / "w.toml", "editor", write=True)
    client = opened(write=True, photos_folder=folder, keys=Keys(tmp_path / "w.toml"))
    return client, {"X-API-Key": key}, folder
