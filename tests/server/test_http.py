"""HTTP itself: methods, conditions, parts of files, codings, and the document that describes the service."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from viewfix.server.conditional import status_after_conditions

from .client import Open, jpeg, problem

WEB = Path(__file__).parents[2] / "viewfix" / "web"
has_pages = pytest.mark.skipif(
    not (WEB / "vendor" / "swagger-ui-bundle.js").exists(), reason="the pages were not fetched: run hatch_build.py"
)

READABLE = ["/healthz", "/readyz", "/metrics", "/v1/maps", "/v1/maps/town/photos", "/v1/basemap", "/v1/openapi.json",
            "/page/page.js"]  # fmt: skip


@pytest.mark.parametrize(
    "address", [*READABLE, pytest.param("/", marks=has_pages), pytest.param("/docs", marks=has_pages)]
)
def test_head_answers_wherever_get_does(service: TestClient, address: str) -> None:
    get, head = service.get(address), service.head(address)
    assert get.status_code == head.status_code == 200
    assert head.content == b"" and get.content
    assert head.headers["content-type"] == get.headers["content-type"]
    if address not in ("/metrics",):
        assert head.headers["content-length"] == str(len(get.content))


def test_head_of_what_is_missing_is_404_without_a_body(service: TestClient) -> None:
    answer = service.head("/v1/nothing")
    assert answer.status_code == 404 and answer.content == b""


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("/v1/locate", "POST"), ("/v1/locate/batch", "POST"), ("/v1/inliers", "POST"), ("/v1/photos", "DELETE, POST"),
     ("/v1/maps", "GET, HEAD"), ("/v1/photos/a/b.jpg/thumbnail", "GET, HEAD"), ("/healthz", "GET, HEAD"),
     ("/page/page.js", "GET, HEAD"), ("/", "GET, HEAD"), ("/v1/openapi.json", "GET, HEAD"),
     ("/basemap.pmtiles", "GET, HEAD")],
)  # fmt: skip
def test_405_names_the_methods_that_are_allowed(service: TestClient, address: str, allowed: str) -> None:
    for method in ("PUT", "PATCH", "TRACE", *([] if "POST" in allowed else ["POST"])):
        answer = service.request(method, address)
        assert problem(answer)[:2] == (405, "no_such_method"), method
        assert answer.headers["allow"] == allowed
    for method in allowed.split(", "):
        assert service.request(method, address).status_code != 405


def test_an_unknown_address_points_to_the_document(service: TestClient) -> None:
    assert "/v1/openapi.json" in problem(service.get("/v1/nothing"))[2]
    assert problem(service.get("/v1/locate"))[:2] == (405, "no_such_method")
    assert problem(service.post("/v1/photos", files={"photo": jpeg()}))[:2] == (403, "read_only")


@pytest.mark.parametrize(
    ("request_headers", "status"),
    [
        ({"If-None-Match": '"a"'}, 304),
        ({"If-None-Match": 'W/"a"'}, 304),
        ({"If-None-Match": '"x", "a"'}, 304),
        ({"If-None-Match": '"x" , W/"a" , "y"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x,a"'}, 200),
        ({"If-None-Match": "a"}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": '"a"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": 'W/"a"'}, 412),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": '"x"', "If-None-Match": '"a"'}, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"If-Unmodified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"}, 200),
    ],
)
def test_conditions_are_evaluated_as_rfc_9110_says(request_headers: dict[str, str], status: int) -> None:
    asked = {name.lower(): value for name, value in request_headers.items()}
    answer = {"etag": '"a"', "last-modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
    assert status_after_conditions(200, asked, answer) == status
    assert status_after_conditions(404, asked, answer) == 404


def test_a_thumbnail_and_a_file_are_not_sent_again(opened: Open, licensed: Path) -> None:
    client = opened(thumbnails="all")
    name = client.get("/v1/maps/town/photos").json()["features"][0]["properties"]["id"]
    for address in (f"/v1/photos/{name}/thumbnail", "/page/page.js"):
        first = client.get(address)
        tag = first.headers["etag"]
        for listed in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = client.get(address, headers={"If-None-Match": listed})
            assert again.status_code == 304 and again.content == b"", (address, listed)
            assert again.headers["etag"] == tag and "content-length" not in again.headers
            assert client.head(address, headers={"If-None-Match": listed}).status_code == 304
        assert client.get(address, headers={"If-None-Match": '"x"'}).content == first.content
        assert client.get(address, headers=[("If-None-Match", '"x"'), ("If-None-Match", tag)]).status_code == 304  # type: ignore[arg-type]
        assert problem(client.get(address, headers={"If-Match": '"x"'}))[:2] == (412, "condition_failed")


def test_a_compressed_body_is_refused(service: TestClient) -> None:
    for coding in ("gzip", "br", "gzip, identity", "x"):
        answer = service.post("/v1/locate", content=jpeg(), headers={"Content-Encoding": coding})
        assert problem(answer)[:2] == (415, "coded_body")
        assert answer.headers["accept-encoding"] == "identity"
    assert service.post("/v1/locate", content=jpeg(), headers={"Content-Encoding": "identity"}).status_code == 200


def test_the_operators_base_map_is_announced_and_allowed(opened: Open) -> None:
    client = opened(basemap={"kind": "raster", "url": "https://tiles.example/{z}/{x}/{y}.png"})
    answer = client.get("/v1/basemap")
    assert answer.json()["style"]["kind"] == "raster"
    assert "https://tiles.example" in answer.headers["content-security-policy"]


def test_a_file_of_tiles_is_served_in_parts(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    file.write_bytes(bytes(range(200)))
    client = opened(basemap={"kind": "pmtiles", "url": "basemap.pmtiles"}, basemap_file=file)
    part = client.get("/basemap.pmtiles", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == bytes(range(10, 20))
    head = client.head("/basemap.pmtiles")
    assert head.status_code == 200 and head.content == b"" and head.headers["content-length"] == "200"


def test_the_document_names_every_route_and_shows_examples(service: TestClient) -> None:
    document = service.get("/v1/openapi.json").json()
    routes = [
        "locate",
        "locate/batch",
        "photos",
        "maps",
        "inliers",
        "route",
        "upcoming",
        "photos/{photo_id}/thumbnail",
        "maps/{name}/photos",
    ]
    assert {f"/v1/{route}" for route in routes} | {"/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    assert document["components"]["schemas"]["FixReply"]["examples"]
    locate = document["paths"]["/v1/locate"]["post"]
    names = {each["name"] for each in locate["parameters"]}
    form = locate["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert (
        names
        == {"map", "near", "radius_m", "k", "verify", "language", "budget_ms", "format", "panorama"}
        == form.keys() - {"photo"}
    )


@has_pages
def test_the_page_of_the_document_needs_nothing_from_elsewhere(service: TestClient) -> None:
    page = service.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text and "<script>" not in page.text
    for line in page.text.splitlines():
        for name in ("href", "src"):
            if f' {name}="' in line:
                address = line.split(f' {name}="')[1].split('"')[0]
                assert service.get(f"/{address}").status_code == 200, address
