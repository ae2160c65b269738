"""A moving camera on a WebSocket: its answers, frames that are overtaken, who may connect, and what is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from viewfix import Map
from viewfix.server import create_app
from viewfix.server.context import Context
from viewfix.server.keys import Keys, new_key
from viewfix.server.live import MOST_PROBLEMS, MOST_TEXTS
from viewfix.server.settings import Settings
from viewfix.server.tracking import Tracked
from viewfix.track.track import TrackFix

from .client import Open, jpeg
from .process import ask, serving

LIVE = "/v1/track/live"


@pytest.fixture(scope="module")
def walker(licensed: Path) -> Iterator[TestClient]:
    with TestClient(create_app([licensed]), raise_server_exceptions=False) as client:
        yield client


def answered(socket: WebSocketTestSession, frame: bytes, **told: Any) -> dict[str, Any]:
    """Send a frame, and what is known about it first; the answer."""
    if told:
        socket.send_text(json.dumps(told))
    socket.send_bytes(frame)
    return socket.receive_json()


def test_a_connection_answers_as_python_does_and_its_state_goes_on_elsewhere(
    walker: TestClient, licensed: Path, photo: bytes
) -> None:
    with walker.websocket_connect(f"{LIVE}?mode=walk") as socket:
        answered(socket, photo, at_s=10)
        second = answered(socket, photo, at_s=12, compass_deg=90)
    with Map.open(licensed) as city:
        track = city.track(mode="walk")
        track.add(photo, at=10.0)
        mine = track.add(photo, at=12.0, compass_deg=90)
    assert (second["frame"], second["left_out"]) == (2, 0)
    assert second["properties"]["time_s"] == 12 and second["properties"]["mode"] == "walk"
    assert second["properties"]["confidence"] == pytest.approx(mine.confidence, abs=1e-6)
    with walker.websocket_connect(LIVE) as socket:
        third = answered(socket, photo, state=second["state"], at_s=14)
    assert third["properties"]["mode"] == "walk"
    parts = {"photo": ("a.jpg", photo), "state": ("state", third["state"].encode())}
    assert walker.post("/v1/track?at_s=16", files=parts).status_code == 200, "the state goes on with requests too"


def test_sights_are_named_if_they_are_asked_for(walker: TestClient, photo: bytes) -> None:
    with walker.websocket_connect(f"{LIVE}?mode=walk&upcoming_s=60&nearby_m=300&language=uk") as socket:
        told = answered(socket, photo, at_s=1)["properties"]
    assert told["nearby"][0]["name"] == "Млин" and told["upcoming"] == []
    asked = walker.post("/v1/track?mode=walk&upcoming_s=60&nearby_m=300", content=photo).json()["properties"]
    assert [each["name"] for each in asked["nearby"]] == ["Mill"] and "upcoming" in asked
    plain = walker.post("/v1/track?mode=walk", content=photo).json()["properties"]
    assert "nearby" not in plain and "upcoming" not in plain


def test_the_newest_frame_wins_and_steps_are_added_up(walker: TestClient, photo: bytes, monkeypatch: Any) -> None:
    asked: list[int | None] = []
    begun, goes_on = threading.Event(), threading.Event()

    def slow(frame: bytes, state: bytes | None, parameters: Any, *_: Any, **__: Any) -> Any:
        asked.append(parameters.steps)
        begun.set()
        goes_on.wait(20)
        fix = TrackFix(None, 0.1, (), "nowhere")
        return {"properties": {"found": False}}, Tracked(fix, b"", "walk", None, None)

    monkeypatch.setattr("viewfix.server.live.track_reply", slow)
    with walker.websocket_connect(LIVE) as socket:
        for number in range(5):
            socket.send_text(json.dumps({"steps": 10 + number}))
            socket.send_bytes(photo)
            begun.wait(20)
        until = time.monotonic() + 20
        context: Context = walker.app.state.context  # type: ignore[attr-defined]
        while context.receiver.buffered_bytes != 2 * len(photo) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        assert context.receiver.buffered_bytes == 2 * len(photo), "one is answered, and one waits"
        goes_on.set()
        assert [socket.receive_json()["frame"] for _ in range(2)] == [1, 5]
    assert asked == [10, 11 + 12 + 13 + 14]
    assert context.receiver.buffered_bytes == 0


def test_a_frame_that_cannot_be_used_is_an_answer_and_the_track_goes_on(walker: TestClient, photo: bytes) -> None:
    with walker.websocket_connect(LIVE) as socket:
        assert answered(socket, photo, at_s=20)["frame"] == 1
        for frame, told, code in (
            (b"no picture", {"at_s": 21}, "unreadable_photo"),
            (b"", {"at_s": 21}, "unreadable_photo"),
            (photo[:300], {"at_s": 21}, "unreadable_photo"),
            (jpeg(9000, 9000), {"at_s": 21}, "unreadable_photo"),
            (photo, {"at_s": 3}, "bad_track"),
        ):
            refused = answered(socket, frame, **told)
            assert refused["error"]["code"] == code and refused["frame"] > 1
        assert answered(socket, photo, at_s=22)["properties"]["time_s"] == 22


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_parameter"),
        ("[" * 100_000, "bad_parameter"),
        ('{"at_s": "soon"}', "bad_parameter"),
        ('{"compass_deg": 400}', "bad_parameter"),
        ('{"time": 3}', "bad_parameter"),
        ('{"near": "91,0"}', "bad_parameter"),
        ('{"state": "bm8="}', "bad_state"),
        ('{"state": "\\ud800"}', "bad_parameter"),
        ('{"at_s": NaN}', "bad_parameter"),
        ("null", "bad_parameter"),
    ],
)
def test_a_message_that_cannot_be_used_is_refused(walker: TestClient, text: str, code: str) -> None:
    with walker.websocket_connect(LIVE) as socket:
        socket.send_text(text)
        told = socket.receive_json()
        assert (told["error"]["code"], told["frame"]) == (code, None)
        assert "\n" not in told["error"]["message"] and len(told["error"]["message"]) < 400


def closed(socket: WebSocketTestSession) -> int:
    """The code with which the service closes the connection, after its last messages."""
    with pytest.raises(WebSocketDisconnect) as left:
        while True:
            socket.receive_json()
    return left.value.code


def test_endless_messages_of_text_or_of_rubbish_end_the_connection(walker: TestClient) -> None:
    with walker.websocket_connect(LIVE) as socket:
        for _ in range(MOST_TEXTS + 1):
            socket.send_text("{}")
        assert closed(socket) == 1008
    with walker.websocket_connect(LIVE) as socket:
        for _ in range(MOST_PROBLEMS + 1):
            assert "error" in answered(socket, b"rubbish")
        socket.send_text("{}")
        assert closed(socket) == 1008


def test_limits_of_size_rate_and_time_are_those_of_requests(opened: Open, photo: bytes) -> None:
    client = opened(most_bytes=len(photo), per_minute=3, live_idle_s=0.4)
    with client.websocket_connect(LIVE) as socket:
        assert "properties" in answered(socket, photo)
        assert "properties" in answered(socket, photo)
        assert answered(socket, photo)["error"]["code"] == "too_often", "opening it was the first of three"
        assert closed(socket) == 1000, "no frame came for a while"
    client = opened(most_bytes=len(photo))
    with client.websocket_connect(LIVE) as socket:
        assert answered(socket, photo + b"!")["error"]["code"] == "too_large"
        assert closed(socket) == 1009


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        (f"{LIVE}?map=atlantis", 404, "no_such_map"),
        (f"{LIVE}?mode=fly", 422, "bad_parameter"),
        (f"{LIVE}?moed=walk", 400, "unknown_parameter"),
        (f"{LIVE}?upcoming_s=0", 422, "bad_parameter"),
    ],
)
def test_an_address_that_is_wrong_is_refused_over_http(
    walker: TestClient, address: str, status: int, code: str
) -> None:
    with pytest.raises(WebSocketDenialResponse) as refused, walker.websocket_connect(address):
        pass
    assert refused.value.status_code == status
    assert refused.value.json()["error"]["code"] == code
    assert refused.value.headers["x-request-id"] == refused.value.json()["error"]["request_id"]


def test_only_pages_of_the_service_and_of_allowed_origins_may_connect(walker: TestClient, opened: Open) -> None:
    for origin in ("https://elsewhere.example", "null", "http://testserver.elsewhere.example", ""):
        with pytest.raises(WebSocketDenialResponse) as refused:
            walker.websocket_connect(LIVE, headers={"origin": origin}).__enter__()
        assert (refused.value.status_code, refused.value.json()["error"]["code"]) == (403, "foreign_origin")
    with walker.websocket_connect(LIVE, headers={"origin": "http://testserver"}):
        pass
    allowed = opened(cors=("https://elsewhere.example",))
    with allowed.websocket_connect(LIVE, headers={"origin": "https://elsewhere.example"}):
        pass


def test_a_service_with_keys_wants_one_for_a_connection_too(opened: Open, tmp_path: Path, photo: bytes) -> None:
    key = new_key(tmp_path / "keys.toml", "anna")
    client = opened(keys=Keys(tmp_path / "keys.toml"))
    for given in ({}, {"subprotocols": ["viewfix.track", "viewfix.key.vf_wrong"]}, {"headers": {"x-api-key": "no"}}):
        with pytest.raises(WebSocketDenialResponse) as refused:
            client.websocket_connect(LIVE, **given).__enter__()
        assert (refused.value.status_code, refused.value.json()["error"]["code"]) == (401, "no_key")
    with client.websocket_connect(LIVE, headers={"authorization": f"Bearer {key}"}) as socket:
        assert "properties" in answered(socket, photo)
    with client.websocket_connect(LIVE, subprotocols=["viewfix.track", f"viewfix.key.{key}"]) as socket:
        assert socket.accepted_subprotocol == "viewfix.track", "the key is not sent back"
        assert "properties" in answered(socket, photo)


def test_a_service_that_stops_ends_connections_at_the_next_frame(opened: Open, photo: bytes) -> None:
    client = opened()
    with client.websocket_connect(LIVE) as socket:
        assert "properties" in answered(socket, photo)
        client.app.state.context.is_draining = True  # type: ignore[attr-defined]
        socket.send_bytes(photo)
        assert closed(socket) == 1012


def test_impossible_settings_of_connections_are_refused() -> None:
    with pytest.raises(Exception, match="live_idle_s"):
        Settings(live_idle_s=0)


def test_a_process_serves_connections_and_outlives_hostile_ones(licensed: Path, photo: bytes) -> None:
    with serving(licensed, "--most-mb", "1") as service:
        address = f"ws://127.0.0.1:{service.port}{LIVE}"
        with connect(f"{address}?mode=walk", compression="deflate") as socket:
            assert socket.protocol.extensions == [], "small messages must not grow"
            socket.send(photo)
            assert json.loads(socket.recv())["frame"] == 1
            for large in (bytes(2_100_000), [bytes(700_000)] * 4):  # whole, and in pieces
                with connect(address) as other, pytest.raises(ConnectionClosed) as ended:
                    other.send(large)
                    other.recv(timeout=30)
                assert ended.value.rcvd is None or ended.value.rcvd.code == 1009
            with connect(address) as other, pytest.raises(ConnectionClosed):
                other.socket.sendall(b"\xff" * 64)  # not frames, and not masked
                other.recv(timeout=30)
            with connect(address) as other:
                other.socket.close()  # gone in the middle of a frame
            socket.send(photo)
            assert json.loads(socket.recv())["frame"] == 2
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin="https://elsewhere.example")
        assert refused.value.response.status_code == 403
        assert b"foreign_origin" in refused.value.response.body
        assert dict(refused.value.response.headers.raw_items()).get("x-content-type-options") == "nosniff"
        assert ask(service.port, None, "/healthz", "GET")[0] == 200
    ended = [line for line in service.log if line["message"] == "connection ended"]
    assert len(ended) >= 5
    told = json.dumps(service.log)
    assert "127.0.0.1" not in told and "mode=walk" not in told, "the log has neither addresses nor query strings"
