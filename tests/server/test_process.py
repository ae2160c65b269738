"""The service as a process: stopped, killed, sent hostile uploads by slow clients, asked as its document says."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tiles
from PIL import Image

from viewfix import Map
from viewfix.server.keys import new_key

from .process import HARMLESS, ask, connected, hostile, hostile_bodies, serving, status_of

posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


@posix
def test_every_accepted_request_is_answered_when_the_service_is_told_to_stop(real_map: Path, photo: bytes) -> None:
    answered, lost, refused = [0], [0], [0]
    with serving(real_map) as service:

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            while True:
                try:
                    connection.connect() if connection.sock is None else None
                except OSError:  # the port is closed: this one was never accepted
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
        until = time.monotonic() + 60
        while answered[0] <= 20 and time.monotonic() < until:
            time.sleep(0.05)
        service.process.send_signal(signal.SIGTERM)
        for each in clients:
            each.join(60)
        service.process.wait(30)
        log = service.log
    assert answered[0] > 20
    done = sum(line["message"] == "answered" for line in log)
    assert done == answered[0], "the service answered what clients never got, or the other way round"
    # Who was in the queue of the operating system when the port was closed was never accepted, and is reset.
    assert refused[0] + lost[0] == 16
    assert log[-1]["message"].startswith(("Finished", "Application shutdown", "stopped"))


STUCK = """
import ctypes, sys, time
from viewfix.server.routes import locate
def stuck(*args):
    time.sleep(1000)
locate.located = stuck
from viewfix.cli import main
main(sys.argv[1:])
"""


@posix
def test_the_process_ends_in_its_grace_whatever_a_worker_does(real_map: Path, photo: bytes) -> None:
    with serving(real_map, "--grace", "2", "--workers", "1", command=[sys.executable, "-c", STUCK]) as service:
        sending = [threading.Thread(target=lambda: _quietly(service.port, photo), daemon=True) for _ in range(3)]
        for each in sending:
            each.start()
        time.sleep(1.0)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)
        assert time.monotonic() - began < 8
        for each in sending:
            each.join(10)


def _quietly(port: int, photo: bytes) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        ask(port, photo)


HASTY = """
import sys
from viewfix.server import protocol
protocol.HEADER_S, protocol.BODY_S, protocol.STALLED_S = 2.0, 3.0, 3.0
from viewfix.cli import main
main(sys.argv[1:])
"""


def test_slow_clients_are_given_up_after_any_number_of_requests(real_map: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    tiles.write(file, 50.0, 20.0, bytes(50_000_000))
    hasty = [sys.executable, "-c", HASTY]
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(serving(real_map, "--basemap", str(file), command=hasty))
        first, later, silent, body, reader = (stack.enter_context(connected(service.port)) for _ in range(5))
        first.sendall(b"POST /v1/loc")
        for _ in range(3):
            later.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert status_of(later) == 200
        later.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        body.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        assert status_of(body) == 200
        reader.sendall(b"GET /basemap.pmtiles HTTP/1.1\r\nHost: a\r\n\r\n")  # and never reads the answer
        began = time.monotonic()
        open_ones = {"first": first, "later": later, "silent": silent, "body": body}
        for connection in open_ones.values():
            connection.settimeout(0.2)
        while open_ones and time.monotonic() - began < 30:
            for name, connection in list(open_ones.items()):
                try:
                    connection.sendall(b"a") if connection is not silent else None
                    if connection.recv(1000) == b"":
                        del open_ones[name]
                except TimeoutError:
                    continue
                except OSError:
                    del open_ones[name]
        assert not open_ones, f"a byte now and then keeps a connection open: {list(open_ones)}"
        time.sleep(max(0.0, 8.0 - (time.monotonic() - began)))
        received = 0
        with contextlib.suppress(OSError):
            while more := reader.recv(1 << 20):
                received += len(more)
        assert received < 50_000_000, "who does not read the answer is given up"


def test_a_client_with_many_connections_does_not_shut_others_out(real_map: Path, photo: bytes) -> None:
    with serving(real_map, "--connections-per-client", "30") as service:
        held: list[socket.socket] = []
        try:
            for number in range(200):
                connection = connected(service.port)
                held.append(connection)
                if number % 2:  # half of them after a complete request
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert status_of(connection) == 200
                connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
                if number % 20 == 0:
                    assert ask(service.port, None, "/healthz", "GET")[0] == 200
            assert ask(service.port, photo)[0] == 200
            still_open = 0
            for connection in held:
                connection.settimeout(0.05)
                try:
                    connection.sendall(b"a")
                    still_open += connection.recv(10) != b""
                except TimeoutError:
                    still_open += 1
                except OSError:
                    continue
            assert still_open <= 30
        finally:
            for connection in held:
                connection.close()


def test_hostile_uploads_are_refused_while_good_ones_are_answered(real_map: Path, photo: bytes) -> None:
    psutil = pytest.importorskip("psutil", reason="memory is measured with psutil")
    with serving(real_map) as service:
        process = psutil.Process(service.process.pid)

        def resident() -> int:
            total = process.memory_info().rss
            for child in process.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
            return int(total)

        before, peak, stop = resident(), [0], threading.Event()

        def watch() -> None:
            while not stop.wait(0.02):
                peak[0] = max(peak[0], resident())

        statuses: dict[str, int] = {}
        uploads = hostile(photo)
        attackers = [
            threading.Thread(target=lambda name=name, send=send: statuses.update({name: send(service.port)}))
            for name, send in uploads.items()
        ]
        watcher = threading.Thread(target=watch)
        for each in (watcher, *attackers):
            each.start()
        good = [ask(service.port, photo) for _ in range(20)]
        for each in attackers:
            each.join(90)
        stop.set()
        watcher.join()
        lines = service.errors[:]
    assert [status for status, _ in good] == [200] * 20
    assert all(answer["properties"]["found"] for _, answer in good)
    assert len(statuses) == len(uploads)
    refused = {name: status for name, status in statuses.items() if name not in HARMLESS}
    assert not {name: status for name, status in refused.items() if not 400 <= status < 500}
    assert all(statuses[name] == 200 or 400 <= statuses[name] < 500 for name in HARMLESS), statuses
    assert all(line.startswith("{") and len(line) < 5000 for line in lines), "the log is lines of JSON"
    assert peak[0] - before < 900 * 2**20, f"{(peak[0] - before) / 2**20:.0f} MB more"


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))
from viewfix.cli import main
main(sys.argv[1:])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not enforce RLIMIT_AS")
def test_two_gigabytes_are_enough_for_hostile_and_honest_uploads_together(real_map: Path, photo: bytes) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    hungry = ["many scans", "large lossless", "tile bomb", "bomb"]
    bodies = hostile_bodies(photo)
    with serving(real_map, command=[sys.executable, "-c", LIMITED], env=environment) as service:
        statuses: list[int] = []

        def attack(name: str) -> None:
            content, kind = bodies[name]
            statuses.append(ask(service.port, content, **{"Content-Type": kind})[0])

        attackers = [threading.Thread(target=attack, args=(hungry[n % len(hungry)],)) for n in range(32)]
        for each in attackers:
            each.start()
        good = [ask(service.port, photo) for _ in range(10)]
        for each in attackers:
            each.join(120)
        assert ask(service.port, photo)[0] == 200, "still alive"
    assert [status for status, _ in good] == [200] * 10
    assert len(statuses) == 32 and all(status in (200, 413, 422, 429, 503) for status in statuses), statuses


NOISY = """
import os, sys
from viewfix.server.routes import locate
real = locate.located
def noisy(*args):
    for _ in range(20_000):
        os.write(2, b"TIFFReadDirectory: a warning of a library, without any JSON\\n") if _ % 2 else None
        try:
            print("Python writes there too", file=sys.stderr)
        except OSError:
            pass
    return real(*args)
locate.located = noisy
from viewfix.cli import main
main(sys.argv[1:])
"""


@posix
def test_what_libraries_write_to_standard_error_does_not_break_the_log(real_map: Path, photo: bytes) -> None:
    noisy = NOISY.replace('os.write(2, b"TIFF', 'attempt(b"TIFF').replace("real = ", ATTEMPT + "real = ")
    with serving(real_map, command=[sys.executable, "-c", noisy]) as service:
        assert ask(service.port, photo)[0] == 200
        time.sleep(1.5)
        log = service.log
    folded = [line for line in log if line["message"] == "a library wrote to standard error"]
    assert folded and sum(line["bytes"] for line in folded) > 1000
    assert sum(len(json.dumps(line)) for line in log) < 20_000


ATTEMPT = """
def attempt(line):
    try:
        os.write(2, line)
    except BlockingIOError:
        pass
"""


@posix
def test_what_was_acknowledged_survives_a_kill(street: Path, tmp_path: Path) -> None:
    """`kill -9` at any moment: every photo that was acknowledged is there, every one that was removed is not."""
    path = tmp_path / "town.map"
    Map.build(path, street).close()
    kept, keys = tmp_path / "kept", tmp_path / "keys.toml"
    kept.mkdir()
    key = {"X-API-Key": new_key(keys, "editor", write=True)}
    options = ["--write", "--photos-folder", str(kept), "--keys", str(keys)]
    rng = np.random.default_rng(0)
    with Map.open(path) as city:
        expected = {p.id for p in city.photos()}
    unsure: set[str] = set()
    acknowledged = 0
    for turn in range(3):
        with serving(path, *options) as service:
            killer = threading.Timer(float(rng.uniform(0.5, 1.5)), service.process.kill)
            killer.start()
            for number in range(1000):
                photo_id = f"{turn}-{number}.jpg"
                body, kind = _added(photo_id, rng)
                unsure.add(photo_id)
                try:
                    status, answer = ask(service.port, body, "/v1/photos", **kind, **key)
                    assert (status, answer["id"]) == (201, photo_id)
                    unsure.discard(photo_id)
                    expected.add(photo_id)
                    acknowledged += 1
                    if number % 3 == 2:
                        unsure.add(photo_id)
                        assert ask(service.port, None, f"/v1/photos?id={photo_id}", "DELETE", **key)[0] == 200
                        unsure.discard(photo_id)
                        expected.discard(photo_id)
                except (OSError, http.client.HTTPException, ValueError):
                    break
            killer.join()
        with Map.open(path) as city:
            stored = {p.id for p in city.photos()}
        assert expected - unsure <= stored <= expected | unsure
        expected, unsure = stored, set()
    assert acknowledged >= 3
    with serving(path, *options), Map.open(path) as city:
        used = {Path(p.source).name for p in city.photos()}
        left = [file for file in kept.rglob("*") if file.is_file() and file.name != ".lock"]
        assert not [file.name for file in left if file.suffix in (".part", ".adding")]
        assert used >= {file.name for file in left if file.name in used}


def _added(photo_id: str, rng: np.random.Generator) -> tuple[bytes, dict[str, str]]:
    into = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)).save(into, "JPEG", quality=90)
    fields = {"id": photo_id, "lat": "10", "lon": "10"}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    head = '--x\r\nContent-Disposition: form-data; name="photo"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + into.getvalue() + b"\r\n--x--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


def test_everything_is_found_behind_a_proxy_that_removes_a_prefix(real_map: Path) -> None:
    with serving(real_map, "--root-path", "/where") as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        found = {}
        for path in ("/", "/v1/maps", "/page/page.js", "/shared/words/uk.json", "/v1/openapi.json", "/docs"):
            connection.request("GET", path)
            answer = connection.getresponse()
            found[path] = answer.status, answer.read()
        connection.request("PUT", "/v1/locate")
        refused = connection.getresponse()
        assert (refused.status, refused.headers["allow"]) == (405, "POST")
        connection.close()
    vendored = (Path(__file__).parents[2] / "viewfix" / "web" / "vendor" / "swagger-ui-bundle.js").exists()
    statuses = {path: status for path, (status, _) in found.items() if vendored or path not in ("/", "/docs")}
    assert set(statuses.values()) == {200}, statuses
    assert json.loads(found["/v1/openapi.json"][1])["servers"] == [{"url": "/where"}]


def test_a_port_that_is_taken_costs_one_line(real_map: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "viewfix", "serve", str(real_map), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"Cannot listen at 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_service_does_what_its_document_says(real_map: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="it is in the extra [dev]")
    import hypothesis
    from hypothesis import HealthCheck, settings
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    [positive_data_acceptance] = CHECKS.get_by_names(["positive_data_acceptance"])

    asked = 0
    with serving(real_map, "--thumbnails", "all") as service:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/v1/openapi.json")
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
