"""Who may send requests, how many, and from where."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from viewfix.errors import BadInput
from viewfix.server.keys import Keys, new_key
from viewfix.server.proxies import TrustedProxies, rate_key

from .client import Open, problem

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no permissions in this form")


def test_with_keys_a_key_is_required(opened: Open, photo: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = new_key(file, "tram")
    assert key not in file.read_text()
    client = opened(keys=Keys(file))
    assert problem(client.post("/v1/locate", content=photo))[:2] == (401, "no_key")
    assert problem(client.get("/v1/maps", headers={"Authorization": "Bearer nonsense"}))[0] == 401
    assert problem(client.get("/metrics"))[0] == 401
    assert client.get("/healthz").status_code == 200
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        assert client.post("/v1/locate?verify=off", content=photo, headers=headers).status_code == 200
    assert problem(client.delete("/v1/photos?id=a", headers={"X-API-Key": key}))[:2] == (403, "no_right")
    file.write_text("")
    time.sleep(1.2)  # the file is checked once a second
    assert client.get("/v1/maps", headers={"X-API-Key": key}).status_code == 401, "the key was revoked"


def test_a_key_file_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    with pytest.raises(BadInput, match="no key file"):
        Keys(file)
    for text in ("[[key]]\nname = 1", '[[key]]\nname = "a"\nsha256 = "zz"', "nonsense = [", "key = 3"):
        file.write_text(text)
        with pytest.raises(BadInput):
            Keys(file)
    file.unlink()
    new_key(file, "a")
    with pytest.raises(BadInput, match="already has a key for a"):
        new_key(file, "a")
    with pytest.raises(BadInput, match="cannot be the name"):
        new_key(file, 'a"\nrights = ["write"]')


@posix
def test_a_key_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Also one that others could read before: an editor or a copy made it so."""
    file = tmp_path / "keys.toml"
    file.write_text("# our keys")
    file.chmod(0o644)
    first, second = new_key(file, "a"), new_key(file, "b", write=True)
    assert file.stat().st_mode & 0o777 == 0o600
    keys = Keys(file)
    assert [keys.find(key).name for key in (first, second)] == ["a", "b"]  # type: ignore[union-attr]
    assert file.read_text().startswith("# our keys\n")


def test_a_rate_is_enforced(opened: Open) -> None:
    client = opened(per_minute=3)
    statuses = [client.get("/v1/maps").status_code for _ in range(5)]
    assert statuses[:3] == [200, 200, 200] and statuses[4] == 429
    answer = client.get("/v1/maps")
    assert problem(answer)[1] == "too_often" and int(answer.headers["retry-after"]) >= 1
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("trusted", [False, True])
def test_a_client_can_name_itself_only_through_a_trusted_proxy(licensed: Path, tmp_path: Path, trusted: bool) -> None:
    from viewfix.server import Settings, create_app

    proxies = TrustedProxies(["127.0.0.0/8"] if trusted else [])
    app = create_app([licensed], Settings(per_minute=3, trusted_proxies=proxies))
    with TestClient(app, client=("127.0.0.1", 50_000)) as client:
        statuses = [
            client.get("/v1/maps", headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(8)
        ]
    assert (429 not in statuses) is trusted


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not a proxy of ours
        ("10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # what stands before it the client wrote itself
        ("10.0.0.7", ["6.6.6.6, 198.51.100.1, 10.0.0.8"], "198.51.100.1"),
        ("10.0.0.7", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.7", ["nonsense"], "10.0.0.7"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("::ffff:10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_proxy(peer: str, forwarded_for: list[str], client: str) -> None:
    assert TrustedProxies(["10.0.0.0/24"]).client_of(peer, forwarded_for) == client
    assert TrustedProxies().client_of(peer, forwarded_for) == peer


def test_an_ipv6_client_is_counted_by_its_network() -> None:
    assert rate_key("2001:db8:1:2:3::4") == rate_key("2001:db8:1:2:ffff::1") != rate_key("2001:db8:1:3::1")
    assert rate_key("::ffff:192.0.2.1") == "192.0.2.1" and rate_key("testclient") == "testclient"


def test_pages_of_other_sites_need_permission(service: TestClient, opened: Open) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    assert "access-control-allow-origin" not in service.get("/v1/maps", headers=origin).headers
    client = opened(cors=("https://elsewhere.example",))
    assert client.get("/v1/maps", headers=origin).headers["access-control-allow-origin"] == origin["Origin"]
    other = {"Origin": "https://third.example"}
    assert "access-control-allow-origin" not in client.get("/v1/maps", headers=other).headers


def test_every_answer_has_security_headers_and_its_id(service: TestClient) -> None:
    for answer in (service.get("/v1/maps"), service.get("/nothing"), service.post("/v1/locate", content=b"x")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
    assert service.get("/v1/maps", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert service.get("/v1/maps", headers={"X-Request-Id": "a b\t<"}).headers["x-request-id"] != "a b\t<"
