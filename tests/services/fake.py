"""A local server that answers as Panoramax, Mapillary and KartaView do, in their documented shapes, with faults."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

shapely = pytest.importorskip("shapely.geometry", reason="the extra [pois] is not installed")

TOKEN = "MLY|123|not-a-real-token"
THINNED_DEG = 0.0041
"""Mapillary leaves pictures out of boxes that are larger than this."""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes = b""


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Close the connection after this many bytes of the body."""


@dataclass(frozen=True)
class Picture:
    """One picture of the service, with what each of the APIs says about it."""

    number: int
    lat: float
    lon: float
    content: bytes = b""
    heading: float | None = None
    panorama: bool = False
    producer: str = "Ada"
    licence: str | None = "CC-BY-SA-4.0"
    taken: str = "2024-05-01T10:00:00+00:00"
    updated: str = "2024-06-01T00:00:00+00:00"
    exif: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def uuid(self) -> str:
        return str(uuid.UUID(int=self.number))

    def moved(self, **changes: Any) -> Picture:
        return replace(self, **changes)


Fault = Callable[[Request], "Response | None"]


class Fake:
    """The server. `fault` may answer a request instead of it; `requests` is its log."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self.limit = 10_000
        self.generation = 0
        """Of the addresses of thumbnails of Mapillary: those of an older one have expired."""
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def downloads(self) -> Counter[str]:
        """How often the pixels of each picture were requested."""
        return Counter(
            r.path for r in self.requests if r.method == "GET" and re.search(r"hd\.jpg|^/thumb|^/storage", r.path)
        )

    def lists(self) -> list[Request]:
        return [r for r in self.requests if r.path in ("/api/search", "/images", "/1.0/list/nearby-photos/")]

    def _handler(fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def answer(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, parts.path, query, self.headers, body)
                fake.requests.append(request)
                response = (fake.fault and fake.fault(request)) or fake._answer(request)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if request.method != "HEAD":
                    self.wfile.write(response.body[: response.cut_after])
                if response.cut_after is not None:
                    self.close_connection = True

            do_GET = do_POST = do_HEAD = answer

        return Handler

    def _answer(self, request: Request) -> Response:
        for pattern, answer in (
            (r"/api/search", self._search),
            (r"/api/collections/([^/]+)/items", self._collection),
            (r"/api/pictures/([^/]+)/hd\.jpg", self._hd),
            (r"/images", self._images),
            (r"/thumb/(\d+)", self._thumb),
            (r"/1\.0/list/nearby-photos/", self._nearby),
            (r"/storage1/files/(\d+)\.jpg", self._stored),
            (r"/(\d+)", self._image),
        ):
            if found := re.fullmatch(pattern, request.path):
                return answer(request, *found.groups())
        return Response(404, b"<html>no such page</html>")

    # Panoramax

    def _search(self, request: Request) -> Response:
        asked = request.query
        if "intersects" in asked:
            shape = shapely.shape(json.loads(asked["intersects"]))
            found = [p for p in self.pictures if shape.intersects(shapely.Point(p.lon, p.lat))]
        else:
            west, south, east, north = map(float, asked["bbox"].split(","))
            found = [p for p in self.pictures if south <= p.lat <= north and west <= p.lon <= east]
            found.sort(key=lambda p: abs(p.lat - (south + north) / 2) + abs(p.lon - (west + east) / 2))
        return reply({"features": [self.item(p) for p in found[: min(self.limit, int(asked.get("limit", 10)))]]})

    def item(self, picture: Picture) -> dict[str, Any]:
        lens = (
            {"field_of_view": 360} if picture.panorama else {"field_of_view": 60, "sensor_array_dimensions": [640, 480]}
        )
        return {
            "type": "Feature",
            "id": picture.uuid,
            "collection": str(uuid.UUID(int=7)),
            "geometry": {"type": "Point", "coordinates": [picture.lon, picture.lat]},
            "assets": {"hd": {"href": "http://169.254.169.254/latest/meta-data/hd.jpg"}},
            "providers": [
                {"name": picture.producer, "roles": ["producer"], "id": "a"},
                {"name": "someone@example.org", "roles": ["producer"]},  # the artist in the EXIF
                {"name": "The host", "roles": ["host"], "id": "b"},
            ],
            "properties": {
                "datetime": picture.taken,
                "updated": picture.updated,
                "license": picture.licence,
                "view:azimuth": picture.heading,
                "quality:horizontal_accuracy": 4.5,
                "geovisio:rank_in_collection": picture.number,
                "original_file:size": len(picture.content) or None,
                "pers:interior_orientation": lens,
                "exif": {"Exif.Image.Artist": "someone@example.org", **picture.exif},
                **picture.more,
            },
        }

    def _collection(self, request: Request, name: str) -> Response:
        if name != str(uuid.UUID(int=7)):
            return Response(404, b'{"message": "Collection doesn\'t exist"}')
        after, limit = int(request.query.get("startAfterRank", -1)), min(self.limit, int(request.query["limit"]))
        found = sorted((p for p in self.pictures if p.number > after), key=lambda p: p.number)
        links = []
        if len(found) > limit:
            there = f"{self.url}{request.path}?limit={limit}&startAfterRank={found[limit - 1].number}"
            links = [{"rel": "next", "href": there}]
        return reply({"features": [self.item(p) for p in found[:limit]], "links": links})

    def _hd(self, request: Request, name: str) -> Response:
        return self._pixels(next((p for p in self.pictures if p.uuid == name), None))

    # Mapillary

    def _images(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        west, south, east, north = map(float, request.query["bbox"].split(","))
        found = [p for p in self.pictures if south <= p.lat <= north and west <= p.lon <= east]
        if max(north - south, east - west) > THINNED_DEG:
            found = found[::3]
        return reply({"data": [self.image(p) for p in found[: int(request.query["limit"])]]})

    def image(self, picture: Picture) -> dict[str, Any]:
        return {
            "id": str(picture.number),
            "geometry": {"type": "Point", "coordinates": [picture.lon + 0.0001, picture.lat]},
            "computed_geometry": {"type": "Point", "coordinates": [picture.lon, picture.lat]},
            "compass_angle": 11.0,
            "computed_compass_angle": picture.heading,
            "captured_at": 1714557600000,
            "camera_type": "spherical" if picture.panorama else "perspective",
            "camera_parameters": [0.8, 0.0, 0.0],
            "width": 640,
            "height": 480,
            "sequence": "s1",
            "creator": {"username": picture.producer, "id": "1"},
            **picture.more,
        }

    def _image(self, request: Request, number: str) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        if not any(p.number == int(number) for p in self.pictures):
            return Response(400, json.dumps({"error": {"message": "Unsupported get request.", "code": 100}}).encode())
        return reply({"thumb_2048_url": f"{self.url}/thumb/{number}?signature={self.generation}", "id": number})

    def _thumb(self, request: Request, number: str) -> Response:
        if request.query.get("signature") != str(self.generation):
            return Response(403, b"URL signature expired")
        return self._pixels(next((p for p in self.pictures if p.number == int(number)), None))

    def _refused(self, request: Request) -> Response | None:
        if request.headers["Authorization"] == f"OAuth {TOKEN}":
            return None
        error = {"message": "Invalid OAuth 2.0 Access Token", "type": "OAuthException", "code": 190}
        return Response(401, json.dumps({"error": error}).encode())

    # KartaView

    def _nearby(self, request: Request) -> Response:
        asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        north, west = map(float, asked["bbTopLeft"].split(","))
        south, east = map(float, asked["bbBottomRight"].split(","))
        found = [p for p in self.pictures if south <= p.lat <= north and west <= p.lon <= east]
        size = min(self.limit, int(asked["ipp"]))
        begin = (int(asked["page"]) - 1) * size
        entries = [self.entry(p) for p in found[begin : begin + size]]
        return reply({"status": {"apiCode": "600", "httpCode": 200}, "currentPageItems": entries})

    def entry(self, picture: Picture) -> dict[str, Any]:
        return {
            "id": str(picture.number),
            "sequence_id": "100",
            "sequence_index": str(picture.number),
            "lat": str(picture.lat),
            "lng": str(picture.lon),
            "shot_date": "2017-09-24 23:58:07",
            "heading": "" if picture.heading is None else str(picture.heading),
            "username": picture.producer,
            "name": f"storage1/files/{picture.number}.jpg",
            **picture.more,
        }

    def _stored(self, request: Request, number: str) -> Response:
        return self._pixels(next((p for p in self.pictures if p.number == int(number)), None))

    def _pixels(self, picture: Picture | None) -> Response:
        if picture is None:
            return Response(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        return Response(200, picture.content, {"Content-Type": "image/jpeg"})


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing when a client is gone: some are killed."""


def reply(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), {"Content-Type": "application/json"})
