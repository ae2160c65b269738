"""What the service refuses, each time with one line, and what it costs."""

from __future__ import annotations

import asyncio
import io
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from viewfix.cli import run
from viewfix.errors import BadInput, StorageFailed
from viewfix.server.errors import HttpError
from viewfix.server.settings import Settings
from viewfix.server.uploads import Receiver
from viewfix.server.workers import Workers

from .client import Open, finished, form, jpeg, problem


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [
        (b"", 400, "has no photo"),
        (b"hello", 422, "text that begins with 'hello'"),
        (b"GIF89a" + bytes(50), 422, "a GIF"),
        (b"<svg onload=alert(1)>", 422, "a web page or XML"),
        (b"\xff\xd8\xff\xe0" + bytes(100), 422, "damaged|picture"),
    ],
)
def test_what_is_not_a_photo_costs_one_line(service: TestClient, content: bytes, status: int, line: str) -> None:
    answer = problem(service.post("/v1/locate", content=content))
    assert answer[0] == status and re.search(line, answer[2])


def test_half_a_photo_is_refused_and_the_next_one_answered(service: TestClient, photo: bytes) -> None:
    assert problem(service.post("/v1/locate", content=photo[: len(photo) // 2]))[0] == 422
    assert service.post("/v1/locate?verify=off", content=photo).status_code == 200


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(service: TestClient) -> None:
    into = io.BytesIO()
    Image.new("L", (12_000, 9_000)).save(into, "PNG")
    answer = problem(service.post("/v1/locate", content=into.getvalue()))
    assert answer[0] == 422 and "12000 x 9000 pixels" in answer[2]


@pytest.mark.parametrize(
    "query",
    ["k=0", "k=51", "k=x", "near=1", "near=95,0", "near=nan,nan", "radius_m=0", "near=1,1&radius_m=nan", "verify=hard",
     "language=<b>", "budget_ms=-1", "format=kml", "map=none"],
)  # fmt: skip
def test_a_parameter_out_of_its_range_costs_one_line(service: TestClient, query: str) -> None:
    status, _, line = problem(service.post(f"/v1/locate?{query}", content=jpeg()))
    assert status in (400, 404, 422) and line


def test_an_upload_over_the_limit_is_refused_by_its_length_and_while_it_comes(opened: Open) -> None:
    client = opened(most_bytes=10_000)
    assert problem(client.post("/v1/locate", content=bytes(10_001)))[:2] == (413, "too_large")

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    assert problem(client.post("/v1/locate", content=endless()))[:2] == (413, "too_large")
    assert problem(client.post("/v1/locate", files={"photo": bytes(20_001)}))[0] == 413


def test_too_many_photos_fields_or_bad_forms_are_refused(opened: Open) -> None:
    client = opened(most_photos=3)
    files = [("photo", (str(n), jpeg())) for n in range(6)]
    assert problem(client.post("/v1/locate/batch", files=files))[:2] == (413, "too_many")
    assert problem(client.post("/v1/locate/batch", files=files[:4]))[:2] == (413, "too_many")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert problem(client.post("/v1/locate", content=b"nonsense", headers=kind))[:2] == (400, "bad_form")
    assert problem(client.post("/v1/locate", content=b"", headers={"Content-Type": "multipart/form-data"}))[0] == 400
    assert problem(client.post("/v1/locate", content=b"", headers={"Content-Type": "multipart/mixed; boundary=a"}))[
        :2
    ] == (415, "not_a_form")
    assert problem(client.post("/v1/locate", data={"a": "b"}, files={}))[0] in (400, 422)
    deep = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n' % n for n in range(2000)) + b"--x--"
    )
    assert problem(client.post("/v1/locate", content=deep, headers=kind))[:2] == (400, "bad_form")


@pytest.mark.parametrize(
    ("headers", "content", "status", "line"),
    [
        ('Content-Disposition: form-data; name="image"', jpeg() + bytes(5000), 400, 'call its part "photo"'),
        ('Content-Disposition: form-data; name="image"', jpeg(), 400, 'call its part "photo"'),
        ('Content-Disposition: form-data; name="photo"\r\nContent-Transfer-Encoding: base64', b"YQ==", 415, "base64"),
        ("Content-Type: image/jpeg", jpeg(), 400, "Content-Disposition"),
    ],
)
def test_a_part_that_is_neither_photo_nor_field_is_explained(
    service: TestClient, headers: str, content: bytes, status: int, line: str
) -> None:
    body, kind = form((headers, content))
    said = problem(service.post("/v1/locate", content=body, headers=kind))
    assert said[0] == status and line in said[2]


def test_a_form_that_ends_too_early_is_refused(service: TestClient) -> None:
    body, kind = form(('Content-Disposition: form-data; name="photo"', jpeg()))
    assert problem(service.post("/v1/locate", content=body[:-20], headers=kind))[:2] == (400, "bad_form")


def test_nothing_is_read_because_a_client_names_it(service: TestClient, street: Path) -> None:
    path = str(next(street.glob("*.jpg")))
    for named in (path, f"file://{path}", "http://127.0.0.1:1/a.jpg"):
        assert problem(service.post("/v1/locate", content=named.encode()))[0] == 422
        assert problem(service.get(f"/v1/photos/{named}/thumbnail"))[0] == 404
        assert problem(service.post("/v1/locate", data={"photo": named}))[0] in (400, 422)
    for path in ("/page/../../errors.py", "/shared/..%2f..%2ferrors.py", "/vendor/%2e%2e/package.json"):
        assert service.get(path).status_code == 404


def test_too_many_requests_are_refused_and_told_when_to_try_again(
    opened: Open, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(workers=1, waiting=1)
    gate = threading.Event()
    monkeypatch.setattr("viewfix.server.routes.locate.located", lambda *args: gate.wait(10) and (None, 0.0))
    answers: list[Any] = []
    askers = [threading.Thread(target=lambda: answers.append(client.post("/v1/locate", content=photo))) for _ in "ab"]
    for asker in askers:
        asker.start()
    workers = client.app.state.context.locators  # type: ignore[attr-defined]
    while workers.inside < 2:
        time.sleep(0.01)
    answer = client.post("/v1/locate", content=photo)
    assert problem(answer)[:2] == (429, "too_busy")
    assert int(answer.headers["retry-after"]) >= 1
    gate.set()
    for asker in askers:
        asker.join()
    assert workers.inside == 0


def test_work_that_takes_too_long_is_answered_503_and_keeps_its_place_until_it_ends() -> None:
    async def ask() -> None:
        workers = Workers("test", 1, 1, answer_s=0.05)
        gate = threading.Event()
        with pytest.raises(HttpError) as late:
            await workers.run(lambda: gate.wait(10))
        assert late.value.status == 503
        assert workers.inside == 1
        began = time.monotonic()
        workers.close()
        assert time.monotonic() - began < 1, "closing waits for nothing"
        gate.set()
        while workers.inside:
            await asyncio.sleep(0.01)

    finished(ask())


def test_all_uploads_together_have_a_limit_of_memory(photo: bytes) -> None:
    class Request:
        headers: dict[str, str] = {}

        async def stream(self) -> Any:
            yield photo

    async def ask() -> None:
        receiver = Receiver(10**6, len(photo) * 3, 5.0)

        async def use(upload: Any) -> int:
            with pytest.raises(HttpError) as full:
                await receiver.photos(Request(), use)  # type: ignore[arg-type]
            assert full.value.status == 429
            return len(upload.photos)

        assert await receiver.photos(Request(), use) == 1  # type: ignore[arg-type]
        assert receiver.buffered_bytes == 0

    finished(ask())


def test_a_slow_upload_is_given_up(photo: bytes) -> None:
    class Request:
        headers: dict[str, str] = {}

        async def stream(self) -> Any:
            while True:
                await asyncio.sleep(0.02)
                yield b"a"

    async def ask() -> None:
        receiver = Receiver(10**6, 10**6, 0.1)
        with pytest.raises(HttpError) as slow:
            await receiver.photos(Request(), None)  # type: ignore[arg-type]
        assert slow.value.status == 408
        assert receiver.buffered_bytes == 0

    finished(ask())


@pytest.mark.parametrize(
    "error",
    [
        StorageFailed("postgresql://me:s3cret%2F@db/x?map=city cannot be reached (/srv/maps/a.map)."),
        BadInput("postgresql://me:s3cret%2F@db/x?map=city: the server refuses the password. /srv/maps/a.map"),
        RuntimeError("s3cret in /srv/maps/a.map"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_url_path_or_password_of_a_map_is_in_an_error(
    service: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*args: object) -> None:
        raise error

    monkeypatch.setattr("viewfix.server.routes.locate.located", broken)
    for answer in (
        service.post("/v1/locate", content=photo),
        service.post("/v1/locate/batch", files=[("photo", ("a", photo))]),
    ):
        assert not re.search(r"s3cret|/srv|postgresql", answer.text)
    status, _, line = problem(service.post("/v1/locate", content=photo))
    assert status in (500, 507) and line


def test_a_server_that_fails_answers_500_with_an_id_and_no_detail(
    service: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret path /etc/x")

    monkeypatch.setattr("viewfix.server.routes.locate.located", broken)
    status, code, line = problem(service.post("/v1/locate", content=photo))
    assert (status, code) == (500, "internal") and "secret" not in line


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--photos-folder"):
        Settings(write=True)
    with pytest.raises(BadInput, match="needs keys"):
        Settings(write=True, photos_folder=tmp_path)
    with pytest.raises(BadInput, match="no folder"):
        Settings(keep_queries=tmp_path / "none")
    for name in ("workers", "waiting", "most_bytes", "per_minute", "upload_s", "grace_s"):
        with pytest.raises(BadInput, match=name):
            Settings(**{name: 0})


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["serve", "none.map"], 2, "no map at"),
        (["serve", "{map}", "--keys", "none.toml"], 2, "no key file at none.toml"),
        (["serve", "{map}", "--basemap", "none.pmtiles"], 2, "no file none.pmtiles"),
        (["serve", "{map}", "--basemap", "ftp://a"], 2, "not a .pmtiles file or a URL"),
        (["serve", "{map}", "--write"], 2, "--photos-folder"),
        (["serve", "{map}", "--trusted-proxy", "nginx"], 2, "'nginx' is not an address or a network"),
        (["serve", "{map}", "--state-key", "none.key"], 2, "The state key none.key could not be read"),
        (["serve", "{map}", "--state-key", os.devnull], 2, "has 0 bytes, and 32 are needed"),
        (["serve", "{map}", "--host", "203.0.113.1"], 2, "Cannot listen at 203.0.113.1:8000"),
    ],
)
def test_a_command_that_cannot_serve_says_so(
    arguments: list[str], code: int, line: str, licensed: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([each.format(map=licensed) for each in arguments]) == code
    error = capsys.readouterr().err
    assert line in error and "Traceback" not in error
