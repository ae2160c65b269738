"""Health, readiness, numbers and the log, also while a map cannot be asked."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from viewfix import Map
from viewfix.errors import StorageFailed
from viewfix.server.logs import JsonLines
from viewfix.server.registry import ServedMap

from .client import Open


def test_ready_means_that_every_map_answers_a_query(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened()
    assert client.get("/readyz").json() == {"status": "ready"}

    def gone(self: ServedMap) -> None:
        raise StorageFailed("postgresql://me:secret@db/x?map=city cannot be reached")

    monkeypatch.setattr(ServedMap, "probe", gone)
    time.sleep(1.1)  # a probe counts for a second
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json() == {"status": "not ready: town"}
    assert client.get("/healthz").status_code == 200
    monkeypatch.undo()
    time.sleep(1.1)
    assert client.get("/readyz").status_code == 200


def test_a_map_that_hangs_stops_neither_health_nor_metrics_nor_other_requests(
    opened: Open, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a database does that is frozen: every question to the map waits."""
    client = opened(probe_s=0.3)
    gate = threading.Event()

    def hang(self: ServedMap, question: Any) -> Any:
        gate.wait(120)
        raise StorageFailed("it took too long")

    monkeypatch.setattr(ServedMap, "ask", hang)
    time.sleep(1.1)
    stuck = [
        threading.Thread(target=lambda: client.post("/v1/inliers?photo=a", content=photo)),
        threading.Thread(target=lambda: client.post("/v1/locate", content=photo)),
        threading.Thread(target=lambda: client.get("/v1/photos/a/thumbnail")),
        *(threading.Thread(target=lambda: client.get("/metrics")) for _ in range(20)),
    ]
    for each in stuck:
        each.start()
    time.sleep(0.2)
    try:
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert client.get("/page/page.js").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert time.monotonic() - began < 60  # whatever waited for the map would have taken 120 s
    finally:
        gate.set()
        for each in stuck:
            each.join()


def test_numbers_are_for_prometheus(service: TestClient, photo: bytes) -> None:
    answer = service.post("/v1/locate?verify=off", content=photo)
    assert re.fullmatch(
        r"decode;dur=[\d.]+, embed;dur=[\d.]+, search;dur=[\d.]+, fuse;dur=[\d.]+", answer.headers["server-timing"]
    )
    text = service.get("/metrics").text
    assert re.search(r'viewfix_requests_total\{method="POST",route="/v1/locate",status="200"\} [1-9]', text)
    assert 'viewfix_answers_total{found="yes",map="town"}' in text
    assert re.search(r'viewfix_stage_seconds_count\{stage="embed"\} [1-9]', text)
    assert "viewfix_photos_inside 0.0" in text
    assert re.search(r'viewfix_map_photos\{map="town"\} [1-9]', text)


def test_nothing_of_a_query_is_kept_unless_the_operator_chose_so(opened: Open, photo: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    client = opened()
    client.post("/v1/locate?verify=off", content=photo)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".jpeg", ".jpg")]
    keeping = opened(keep_queries=folder)
    keeping.post("/v1/locate?verify=off", content=photo)
    [kept] = folder.rglob("*.jpeg")
    assert kept.read_bytes() == photo
    if os.name != "nt":
        assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o077 == 0


def test_keeping_a_query_never_fails_the_answer(
    opened: Open, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    client = opened(keep_queries=folder)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("viewfix.server.kept_queries.write_whole", full)
    assert client.post("/v1/locate?verify=off", content=photo).status_code == 200
    assert "could not be kept" in caplog.text


def test_what_a_killed_service_left_of_a_query_is_deleted_at_the_start(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    (folder / "2026-01-01").mkdir(parents=True)
    part, whole = (folder / "2026-01-01" / name for name in (".a.jpeg.1234.part", "b.jpeg"))
    part.write_bytes(b"half")
    whole.write_bytes(b"whole")
    opened(keep_queries=folder)
    assert not part.exists() and whole.exists()


def test_a_log_line_is_json_without_place_or_address(service: TestClient, photo: bytes, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, logger="viewfix.server"):
        service.post("/v1/locate?near=49.9,20.1&radius_m=900000&verify=off", content=photo)
    record = next(r for r in caplog.records if r.getMessage() == "answered")
    line = json.loads(JsonLines().format(record))
    assert line["route"] == "/v1/locate" and line["status"] == 200 and line["took_ms"] > 0
    assert "49.9" not in json.dumps(line) and "testclient" not in json.dumps(line)


def test_a_log_line_can_be_read_whatever_is_logged() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "a\ud800\nb %s", ("\udcff",), None)
    line = JsonLines().format(record)
    assert "\n" not in line and json.loads(line.encode("utf-8"))["message"] == "a\ufffd\nb \ufffd"


@pytest.mark.parametrize("damage", ["cut", "zeros", "another file", "middle"])
def test_a_map_is_served_on_while_a_damaged_file_lies_in_its_place(
    opened: Open, photo: bytes, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = opened()
    path = tmp_path / "town.map"
    with Map.open(path) as city:
        few = [p.source for p in city.photos()][:5]
    Map.build(tmp_path / "new.map", *few).close()
    good = (tmp_path / "new.map").read_bytes()
    middle = bytearray(good)
    middle[len(good) // 3 : len(good) * 2 // 3] = bytes(len(good) * 2 // 3 - len(good) // 3)
    bad = {"cut": good[: len(good) // 2], "zeros": bytes(len(good)), "another file": b"hello", "middle": bytes(middle)}
    before = client.post("/v1/locate?verify=off", content=photo).json()["geometry"]
    (tmp_path / "bad.map").write_bytes(bad[damage])
    (tmp_path / "bad.map").replace(path)
    until = time.monotonic() + 20
    while "cannot be used, the old one is served on" not in caplog.text:
        answer = client.post("/v1/locate?verify=off", content=photo)
        assert answer.status_code == 200 and answer.json()["geometry"] == before
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.get("/readyz").status_code == 200
    (tmp_path / "new.map").replace(path)
    while client.get("/v1/maps").json()["maps"][0]["photos"] != 5:
        assert client.post("/v1/locate?verify=off", content=photo).status_code == 200
        assert time.monotonic() < until
        time.sleep(0.05)
