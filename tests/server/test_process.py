"""The service as a process: told to stop under load, met with hostile uploads, asked as its document says."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")


@contextmanager
def serving(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`viewfix serve` in a process of its own, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewfix", "serve", str(path), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    errors: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    reader.start()
    process.errors = errors  # type: ignore[attr-defined]
    try:
        line = process.stdout.readline()
        found = re.search(r":(\d+)\. Stop with Ctrl-C", line)
        assert found, line + "".join(errors)
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def photo(street: Path) -> bytes:
    return next(iter(sorted(street.glob("*.jpg")))).read_bytes()


def ask(port: int, body: bytes, path: str = "/v1/locate?verify=off") -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_every_request_that_was_accepted_is_answered_when_the_service_is_told_to_stop(
    real_map: Path, photo: bytes
) -> None:
    answered, lost, refused = [0], [0], [0]
    with serving(real_map) as (process, port):

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            while True:
                try:
                    connection.connect() if connection.sock is None else None
                except OSError:  # the door is closed: this one was never accepted
                    refused[0] += 1
                    return
                try:
                    connection.request("POST", "/v1/locate?verify=off", photo, {"Content-Type": "image/jpeg"})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status in (200, 429)
                    answered[0] += 1
                    if answer.headers.get("connection") == "close":
                        connection.close()
                except (OSError, http.client.HTTPException):
                    lost[0] += 1
                    return

        clients = [threading.Thread(target=client) for _ in range(16)]
        for each in clients:
            each.start()
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        for each in clients:
            each.join(60)
        process.wait(30)
        log = [json.loads(line) for line in process.errors]  # type: ignore[attr-defined]
    assert answered[0] > 20
    done = sum(line["message"] == "answered" for line in log)
    assert done == answered[0], "the service answered what clients never got, or the other way round"
    # Who was in the queue of the operating system when the door closed was never accepted, and is told so by a reset.
    assert refused[0] + lost[0] == 16
    assert log[-1]["message"].startswith(("Finished", "Application shutdown", "stopped"))


def endless(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = "POST /v1/locate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        part = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(16_000):  # a gigabyte
                connection.sendall(part)
        except OSError:
            pass
        return _status(connection)


def announced(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        return _status(connection)


def endless_header(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nX-Long: ")
            for _ in range(16_000):  # a gigabyte
                connection.sendall(bytes([97]) * 0x10000)
            return 200
        except OSError:
            return 431  # the door was closed


def slow(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        connection.settimeout(0.2)
        for _ in range(400):
            try:
                connection.sendall(b"\xff")
                return _status(connection)
            except TimeoutError:
                continue
            except OSError:
                break
        return 0


def hostile(photo: bytes) -> dict[str, Callable[[int], int]]:
    """Each sends one upload that means no good, and gives the status that it got."""
    rows = zlib.compress(bytes(30_001) * 30_000, 9)  # 900 million pixels in a megabyte

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (30_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    def body(content: bytes, kind: str = "image/jpeg") -> Callable[[int], int]:
        def send(port: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/v1/locate", content, {"Content-Type": kind})
            status = connection.getresponse().status
            connection.close()
            return status

        return send

    form = "multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    return {
        "bomb": body(bomb, "image/png"),
        "half": body(photo[: len(photo) // 3]),
        "text": body(b"<html><script>alert(1)</script>"),
        "zip": body(b"PK\x03\x04" + bytes(1000)),
        "noise": body(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40),
        "many parts": body(part + b"a\r\n" + part.join([b"b\r\n"] * 5000) + b"--x--", form),
        "nested": body(part + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n" * 3000 + b"\r\n--x--", form),
        "endless": endless,
        "announced": announced,
        "endless header": endless_header,
        "slow": slow,
    }


def _status(connection: socket.socket) -> int:
    said = connection.recv(65_536)
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else 0


def test_hostile_uploads_are_refused_while_good_ones_are_answered(real_map: Path, photo: bytes) -> None:
    psutil = pytest.importorskip("psutil", reason="memory is measured with psutil")
    with serving(real_map) as (process, port):
        told = psutil.Process(process.pid)
        before, peak, stop = told.memory_info().rss, [0], threading.Event()

        def watch() -> None:
            while not stop.wait(0.02):
                peak[0] = max(peak[0], told.memory_info().rss)

        statuses: dict[str, int] = {}
        attackers = [
            threading.Thread(target=lambda name=name, send=send: statuses.update({name: send(port)}))
            for name, send in hostile(photo).items()
        ]
        watcher = threading.Thread(target=watch)
        for each in (watcher, *attackers):
            each.start()
        good = [ask(port, photo) for _ in range(20)]
        for each in attackers:
            each.join(90)
        stop.set()
        watcher.join()
    assert [status for status, _ in good] == [200] * 20
    assert all(answer["properties"]["found"] for _, answer in good)  # type: ignore[index]
    assert len(statuses) == 11
    assert all(400 <= status < 500 for status in statuses.values()), statuses
    assert peak[0] - before < 300 * 2**20, f"{(peak[0] - before) / 2**20:.0f} MB more"


def test_a_client_that_never_ends_its_header_is_let_go(real_map: Path) -> None:
    from viewfix.server.running import HEADER_S

    with serving(real_map) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST /v1/loc")
        began = time.monotonic()
        assert connection.recv(1000) == b"", "closed"
        assert time.monotonic() - began < 3 * HEADER_S


def test_everything_is_found_behind_a_proxy_that_takes_a_prefix_off(real_map: Path) -> None:
    with serving(real_map, "--root-path", "/where") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        found = {}
        for path in ("/", "/v1/maps", "/page/page.js", "/shared/words/uk.json", "/v1/openapi.json"):
            connection.request("GET", path)
            answer = connection.getresponse()
            found[path] = answer.status, answer.read()
        connection.close()
    vendored = (Path(__file__).parents[1] / "viewfix" / "web" / "vendor" / "maplibre-gl.mjs").exists()
    assert {path: status for path, (status, _) in found.items() if path != "/" or vendored} == {
        path: 200 for path in found if path != "/" or vendored
    }
    assert json.loads(found["/v1/openapi.json"][1])["servers"] == [{"url": "/where"}]


def test_a_port_that_is_taken_costs_one_line(real_map: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "viewfix", "serve", str(real_map), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"Nothing can be served at 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_service_keeps_to_its_document(real_map: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="it is in the extra [dev]")
    import hypothesis
    from hypothesis import HealthCheck, settings
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    [positive_data_acceptance] = CHECKS.get_by_names(["positive_data_acceptance"])

    asked = 0
    with serving(real_map, "--thumbnails", "all") as (_, port):
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/v1/openapi.json")
        for operation in schema.get_all_operations():
            case_of = operation.ok().as_strategy()

            @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @hypothesis.given(case=case_of)
            def keeps_to_it(case: schemathesis.Case) -> None:
                # A document cannot say that a picture has to be decodable, nor that south lies below north.
                case.call_and_validate(excluded_checks=[positive_data_acceptance])

            keeps_to_it()
            asked += 1
    assert asked >= 11
