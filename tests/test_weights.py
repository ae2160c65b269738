"""Weights are fetched whole, checked and remembered; whatever a server answers instead is refused in one line."""

import hashlib
import http.server
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from viewfix.errors import BadInput, StorageFailed
from viewfix.models import download, weights
from viewfix.models.entry import Entry, Weights

HEADER = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
GOOD = struct.pack("<Q", len(HEADER)) + HEADER + bytes(8) + bytes(300_000)
DRIVE = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body></body></html>"


@dataclass
class Server:
    """A web server of this process: `answers` maps a path to what is done with a request for it."""

    address: str
    answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return self.address + path


def sends(
    body: bytes, *, status: int = 200, kind: str = "application/octet-stream", **headers: str
) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def breaks_off(body: bytes, after: int, *, version: str | None) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    """Promises all of `body`, sends `after` bytes; the rest only to who asks for it by version."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        if wanted and request.headers.get("If-Range") == version:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            span = f"bytes {begin}-{len(body) - 1}/{len(body)}"
            sends(body[begin:], status=206, Content_Range=span, ETag=version or "")(request)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        if version:
            request.send_header("ETag", version)
        request.end_headers()
        request.wfile.write(body[:after])
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers.get("Range")))
            served.answers.get(self.path, sends(b"nothing here", status=404))(self)

        def log_message(self, *args: object) -> None:
            pass

    monkeypatch.setattr(download, "BACKOFF_S", 0.0)
    monkeypatch.delenv(weights.OFFLINE_VARIABLE, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served = Server(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        listening.shutdown()
        thread.join()


def model(*urls: str, sha256: str | None = None) -> Entry:
    offer = Weights("thing.safetensors", "https://example.org/thing", urls, sha256)
    return Entry("thing", "A thing.", 8, Path("thing.onnx"), 1.0, "MIT", None, weights=offer)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_weights_are_fetched_whole_and_only_once(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = sends(GOOD)
    told: list[tuple[str, int, int | None]] = []
    known = model(server.url("/w"))
    got = weights.obtained(known, home=tmp_path, progress=lambda *what: told.append(what))
    assert got.path == tmp_path / "thing.safetensors" and got.path.read_bytes() == GOOD
    assert got.sha256 == hashlib.sha256(GOOD).hexdigest() and got.origin == server.url("/w")
    assert told and told[-1][1] == told[-1][2] and "thing" in told[0][0]
    assert weights.obtained(known, home=tmp_path).sha256 == got.sha256
    assert len(server.asked) == 1
    assert names(tmp_path) == ["thing.safetensors"]


def test_the_first_use_is_remembered_and_a_change_refused(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = sends(GOOD)
    known = model(server.url("/w"))
    first = weights.obtained(known, home=tmp_path)
    assert not first.known
    weights.remember(known, first, home=tmp_path)
    record = json.loads((tmp_path / "thing.json").read_text())
    assert record["sha256"] == first.sha256 and record["bytes"] == len(GOOD) and record["origin"] == server.url("/w")
    assert weights.obtained(known, home=tmp_path).known

    server.answers["/w"] = sends(GOOD + b"!")
    first.path.unlink()
    with pytest.raises(BadInput, match=r"changed and are not used: SHA-256 .* delete .*thing\.json"):
        weights.obtained(known, home=tmp_path)
    assert not first.path.exists(), "what was refused must not be found by the next run"

    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(GOOD + b"?")
    with pytest.raises(BadInput, match="first used"):
        weights.obtained(known, home=tmp_path, given=mine)


def test_a_damaged_record_is_not_taken_for_no_record(tmp_path: Path) -> None:
    (tmp_path / "thing.safetensors").write_bytes(GOOD)
    for content in ("", "{}", "[1]", "\x00"):
        (tmp_path / "thing.json").write_text(content)
        with pytest.raises(BadInput, match="Repair or delete it"):
            weights.obtained(model(), home=tmp_path)


def test_a_published_checksum_is_kept_to(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = sends(GOOD)
    right = model(server.url("/w"), sha256=hashlib.sha256(GOOD).hexdigest())
    assert weights.obtained(right, home=tmp_path).known
    (tmp_path / "thing.safetensors").unlink()
    with pytest.raises(BadInput, match="published by its authors"):
        weights.obtained(model(server.url("/w"), sha256="0" * 64), home=tmp_path)
    assert not names(tmp_path)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = breaks_off(GOOD, 1000, version='"v1"')
    assert weights.obtained(model(server.url("/w")), home=tmp_path).path.read_bytes() == GOOD
    assert server.asked == [("/w", None), ("/w", "bytes=1000-")]


def test_a_download_that_breaks_off_every_time_is_refused(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = breaks_off(GOOD, 1000, version=None)
    with pytest.raises(BadInput, match=f"cut short {download.TRIES} times.*1000 of {len(GOOD)} bytes"):
        weights.obtained(model(server.url("/w")), home=tmp_path)
    assert len(server.asked) == download.TRIES and not names(tmp_path)


def test_a_file_that_changed_on_the_server_meanwhile_is_fetched_from_the_start(server: Server, tmp_path: Path) -> None:
    old, new = breaks_off(b"x" * len(GOOD), 1000, version='"v1"'), sends(GOOD, ETag='"v2"')
    server.answers["/w"] = lambda request: (old if len(server.asked) == 1 else new)(request)
    assert weights.obtained(model(server.url("/w")), home=tmp_path).path.read_bytes() == GOOD


@pytest.mark.parametrize("page", [DRIVE, b"\xef\xbb\xbf\n  <html><p>Please log in</p>", b"<?xml version='1.0'?><a/>"])
def test_a_page_in_the_place_of_weights_is_refused(server: Server, tmp_path: Path, page: bytes) -> None:
    server.answers["/w"] = sends(page, kind="text/html")
    with pytest.raises(BadInput, match=r"is a web page .*https://example.org/thing.*--weights FILE") as caught:
        weights.obtained(model(server.url("/w")), home=tmp_path)
    assert "\n" not in str(caught.value) and not names(tmp_path)
    (tmp_path / "page.pth").write_bytes(page)
    with pytest.raises(BadInput, match="is a web page"):
        weights.obtained(model(), home=tmp_path, given=tmp_path / "page.pth")


@pytest.mark.parametrize("content", [b"", b"hello", b"version https://git-lfs.github.com/spec/v1\n", b"{}" * 20])
def test_what_is_no_weights_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(BadInput, match="not a weights file"):
        weights.kind(tmp_path / "w.pth")


def test_weights_that_are_not_there_or_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            weights.obtained(model(), home=tmp_path, given=path)


def test_the_next_address_is_tried_where_one_is_empty(server: Server, tmp_path: Path) -> None:
    server.answers["/new"] = sends(GOOD)
    got = weights.obtained(model(server.url("/old"), server.url("/new")), home=tmp_path)
    assert got.origin == server.url("/new")
    with pytest.raises(BadInput, match="was not found or is not public"):
        download.download([server.url("/old")], tmp_path / "w", stage="")
    assert not (tmp_path / "w").exists()


def test_a_server_in_trouble_is_asked_again_and_then_reported(server: Server, tmp_path: Path) -> None:
    server.answers["/w"] = lambda request: sends(GOOD, status=503 if len(server.asked) < 3 else 200)(request)
    assert weights.obtained(model(server.url("/w")), home=tmp_path).path.read_bytes() == GOOD
    server.answers["/down"] = sends(b"", status=503)
    with pytest.raises(BadInput, match="HTTP status 503"):
        download.download([server.url("/down")], tmp_path / "w", stage="")


def test_redirections_are_followed_but_not_for_ever_and_not_out_of_the_web(server: Server, tmp_path: Path) -> None:
    server.answers["/here"] = sends(b"", status=302, Location="/there")
    server.answers["/there"] = sends(GOOD)
    assert weights.obtained(model(server.url("/here")), home=tmp_path).path.read_bytes() == GOOD
    server.answers["/round"] = sends(b"", status=301, Location="/round")
    with pytest.raises(BadInput, match="more than 5 times"):
        download.download([server.url("/round")], tmp_path / "w", stage="")
    server.answers["/file"] = sends(b"", status=302, Location="file:///etc/passwd")
    for url in (server.url("/file"), "ftp://example.org/w", "file:///etc/passwd"):
        with pytest.raises(BadInput, match="not an http or https address"):
            download.download([url], tmp_path / "w", stage="")


def test_a_file_that_is_too_large_is_refused(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    server.answers["/w"] = sends(GOOD)

    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(GOOD)

    server.answers["/endless"] = endless
    for path in ("/w", "/endless"):
        with pytest.raises(BadInput, match="are not downloaded"):
            download.download([server.url(path)], tmp_path / "w", stage="")
    assert not names(tmp_path)


def test_no_server_at_all_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BACKOFF_S", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        with pytest.raises(BadInput, match="could not be fetched") as caught:
            download.download([f"http://127.0.0.1:{taken.getsockname()[1]}/w"], tmp_path / "w", stage="")
    assert "\n" not in str(caught.value)


def test_offline_opens_no_socket_and_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(
        BadInput, match=r"Download http://example.org/w on another machine, copy it to .*thing\.safetensors"
    ):
        weights.obtained(model("http://example.org/w"), home=tmp_path, use_network=False)
    (tmp_path / "thing.safetensors").write_bytes(GOOD)
    assert weights.obtained(model("http://example.org/w"), home=tmp_path, use_network=False).path.is_file()


def test_the_environment_says_whether_to_stay_offline_and_where_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, expected in (("1", True), ("yes", True), ("0", False), ("", False), ("false", False)):
        monkeypatch.setenv(weights.OFFLINE_VARIABLE, value)
        assert weights.offline() is expected and weights.offline(True)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    assert weights.folder() == tmp_path and weights.folder(tmp_path / "other") == tmp_path / "other"
    monkeypatch.delenv(weights.FOLDER_VARIABLE)
    assert weights.folder().is_absolute() and weights.folder().parts[-2:] == ("viewfix", "weights")


def test_weights_that_no_program_can_fetch_name_the_page(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Open https://example.org/thing, save thing\.safetensors"):
        weights.obtained(model(), home=tmp_path)


def test_two_processes_do_not_fetch_one_model_at_once(tmp_path: Path) -> None:
    with (
        weights.lock(model(), tmp_path / "new"),
        pytest.raises(BadInput, match="another process"),
        weights.lock(model(), tmp_path / "new"),
    ):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said_to_be(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed, match="--weights-dir"), weights.lock(model(), tmp_path / "new"):
        pass


def test_a_full_disk_is_said_to_be(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/w"] = sends(GOOD)
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "w").symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match="Free some space"):
        download.download([server.url("/w")], tmp_path / "w", stage="")
