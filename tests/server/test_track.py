"""A moving camera over HTTP: the state goes out and comes back."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from viewfix import Map
from viewfix.server import create_app
from viewfix.server.settings import Settings

from .client import problem


@pytest.fixture(scope="module")
def walker(licensed: Path):
    with TestClient(create_app([licensed]), raise_server_exceptions=False) as client:
        yield client


def test_a_track_over_http_is_that_of_python(walker: TestClient, licensed: Path, photo: bytes) -> None:
    first = walker.post("/v1/track?mode=walk&at_s=10", content=photo)
    assert first.status_code == 200
    parts = {"photo": ("a.jpg", photo), "state": ("state", first.json()["state"].encode())}
    second = walker.post("/v1/track", files=parts, data={"at_s": "12"}).json()
    with Map.open(licensed) as city:
        track = city.track(mode="walk")
        track.add(photo, at=10.0)
        mine = track.add(photo, at=12.0)
    properties = second["properties"]
    assert properties["mode"] == "walk" and properties["time_s"] == 12
    assert properties["confidence"] == pytest.approx(mine.confidence, abs=1e-6)
    assert properties["p_off"] == pytest.approx(mine.p_off, abs=1e-6)


def test_another_worker_with_the_same_key_goes_on(licensed: Path, photo: bytes) -> None:
    settings = Settings(state_key=b"k" * 32)
    states = []
    for _ in range(2):
        with TestClient(create_app([licensed], settings)) as client:
            state = {"state": ("state", states[-1].encode())} if states else {}
            answer = client.post(f"/v1/track?at_s={len(states)}", files={"photo": ("a.jpg", photo), **state})
            assert answer.status_code == 200
            states.append(answer.json()["state"])


@pytest.mark.parametrize("change", ["flipped", "unsigned", "text", "empty"])
def test_a_state_that_was_changed_is_refused(walker: TestClient, photo: bytes, change: str) -> None:
    state = walker.post("/v1/track?at_s=1", content=photo).json()["state"]
    raw = bytearray(base64.b64decode(state))
    raw[-1] ^= 1
    sent = {
        "flipped": base64.b64encode(bytes(raw)),
        "unsigned": base64.b64encode(raw[32:]),
        "text": b"not base64 \xff",
        "empty": b"",
    }[change]
    answer = walker.post("/v1/track?at_s=2", files={"photo": ("a.jpg", photo), "state": ("state", sent)})
    assert answer.status_code == 400 and problem(answer)[1] == "bad_state"


def test_a_frame_before_the_last_one_is_a_400(walker: TestClient, photo: bytes) -> None:
    state = walker.post("/v1/track?at_s=100", content=photo).json()["state"]
    parts = {"photo": ("a.jpg", photo), "state": ("state", state.encode())}
    answer = walker.post("/v1/track?at_s=50", files=parts)
    assert answer.status_code == 400 and "older" in problem(answer)[2]


def test_a_state_without_a_frame_is_refused(walker: TestClient, photo: bytes) -> None:
    state = walker.post("/v1/track?at_s=1", content=photo).json()["state"]
    answer = walker.post("/v1/track?at_s=2", files={"state": ("state", state.encode())})
    assert answer.status_code in (400, 422)


def test_parameters_out_of_range_are_named(walker: TestClient, photo: bytes) -> None:
    assert walker.post("/v1/track?mode=fly", content=photo).status_code == 422
    assert walker.post("/v1/track?compass_deg=400", content=photo).status_code == 422


def follow(walker: TestClient, photo: bytes, *times_s: float, query: str = "mode=walk") -> list[dict]:
    """Send the same frame at several times; the answers."""
    answers: list[dict] = []
    for at_s in times_s:
        state = {"state": ("state", answers[-1]["state"].encode())} if answers else {}
        answer = walker.post(f"/v1/track?{query}&at_s={at_s}", files={"photo": ("a.jpg", photo), **state})
        assert answer.status_code == 200
        answers.append(answer.json())
    return answers


def test_frames_of_one_time_and_an_hour_apart_are_answered(walker: TestClient, photo: bytes) -> None:
    answers = [each["properties"] for each in follow(walker, photo, 5, 5, 9, 3609)]
    assert [each["time_s"] for each in answers] == [5, 5, 9, 3609]
    assert all(0 <= each["confidence"] <= 1 and 0 <= each["p_off"] <= 1 for each in answers)
    assert answers[3]["speed_mps"] is None or answers[3]["speed_mps"] < 2, "it stands where it stood"


def test_a_state_of_another_map_is_refused(licensed: Path, photo: bytes, tmp_path: Path) -> None:
    other = tmp_path / "other.map"
    with Map.open(licensed) as city:
        Map.build(other, [next(iter(city.photos()))]).close()
    with TestClient(create_app([licensed, other]), raise_server_exceptions=False) as client:
        [first] = follow(client, photo, 1, query="map=town")
        parts = {"photo": ("a.jpg", photo), "state": ("state", first["state"].encode())}
        refused = client.post("/v1/track?map=other&at_s=2", files=parts)
        assert problem(refused)[:2] == (400, "bad_track") and "another map" in problem(refused)[2]
        assert follow(client, photo, 1, 2, query="map=other"), "a map of one photo can be tracked"
