"""The local server with a street of pictures, and no pauses between tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn import saved, scene

from viewfix.sources.services import downloads, http

from .fake import Fake, Picture

SOUTH, WEST = 60.1700, 24.9400
STEP_DEG = 0.0002  # 22 m to the north


def street_of(count: int, *, content: bytes | None = None) -> list[Picture]:
    """Pictures along a street to the north, each with its own pixels."""
    return [
        Picture(i + 1, SOUTH + i * STEP_DEG, WEST, content or drawn(i), heading=float(i * 50 % 360))
        for i in range(count)
    ]


def drawn(seed: int) -> bytes:
    """A small JPEG that no other seed gives."""
    picture = scene(64, 48).copy()
    picture[seed % 48, seed // 48 : seed // 48 + 8] = 255 - seed % 100
    return saved(picture)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fake]:
    monkeypatch.setattr(http, "BACKOFF_S", 0.001)
    monkeypatch.setattr(downloads, "cache_folder", lambda name: tmp_path / "cache" / name)
    server = Fake()
    server.pictures = street_of(12)
    yield server
    server.close()


@pytest.fixture
def panoramax(fake: Fake) -> str:
    """The spec of the street."""
    return f"panoramax+{fake.url}/api:60.16,24.93,60.18,24.95"
