"""A Map goes in, the endpoints that the page uses come out, until `viewfix serve` is there."""

from __future__ import annotations

import http.server
import io
import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from PIL import Image

from viewfix import Map, photos
from viewfix.errors import ViewfixError

WEB = Path(__file__).parents[2] / "viewfix" / "web"
POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' data: blob:"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def serve(city: Map, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of one map called "town"; SQLite wants to be asked by one thread at a time."""
    lock = threading.Lock()
    known = list(city.photos())

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            with lock:
                self.get(unquote(path), dict(parse_qsl(query)))

        def get(self, path: str, asked: dict[str, str]) -> None:
            if path == "/v1/maps":
                self.reply({"maps": [about(city)]})
            elif path == "/v1/basemap":
                self.reply({"style": None})
            elif path == "/v1/maps/town/photos":
                west, south, east, north = map(float, asked["bounds"].split(","))
                inside = [p for p in known if west <= p.position.lon <= east and south <= p.position.lat <= north]
                self.reply({"type": "FeatureCollection", "features": [feature(p) for p in inside]})
            elif found := re.fullmatch("/v1/photos/(.+)/thumbnail", path):
                self.reply(thumbnail(next(p.source for p in known if p.id == found[1])), "image/jpeg")
            else:
                file = WEB / ("page/index.html" if path == "/" else path.lstrip("/"))
                if file.is_file():
                    self.reply(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))
                else:
                    self.reply({"error": {"message": "There is no such page."}}, code=404)

        def do_POST(self) -> None:
            path, _, query = self.path.partition("?")
            asked = dict(parse_qsl(query))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                try:
                    self.reply(inliers(city, body, asked["photo"]) if path == "/v1/inliers" else located(city, body))
                except ViewfixError as error:
                    self.reply({"error": {"message": str(error)}}, code=422)

        def reply(self, body: Any, kind: str = "application/json", code: int = 200) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(data)

    return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)


def about(city: Map) -> dict[str, Any]:
    spots = [p.position for p in city.photos()]
    lons, lats = [s.lon for s in spots], [s.lat for s in spots]
    return {
        "name": "town",
        "photos": len(spots),
        "bounds": [min(lons), min(lats), max(lons), max(lats)],
        "verify": ["off", "fast", "accurate"],
        "calibrated": True,
        "points_of_interest": 0,
    }


def where(id: str) -> str:
    return f"v1/photos/{quote(id, safe='')}/thumbnail?map=town"


def feature(photo: Any) -> dict[str, Any]:
    at = [photo.position.lon, photo.position.lat]
    told = {"id": photo.id, "heading_deg": photo.heading_deg, "thumbnail": where(photo.id)}
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": told}


def thumbnail(source: str) -> bytes:
    picture, written = Image.fromarray(photos.load(source)), io.BytesIO()
    picture.thumbnail((320, 320))
    picture.save(written, "JPEG")
    return written.getvalue()


def located(city: Map, body: bytes) -> dict[str, Any]:
    began = time.monotonic()
    fix = city.locate(body)
    at = fix.position
    candidates = [
        {
            "id": c.photo.id,
            "similarity": c.similarity,
            "inliers": c.inliers,
            "position": {"lat": c.photo.position.lat, "lon": c.photo.position.lon, "radius_m": None},
            "heading_deg": c.photo.heading_deg,
            "taken_at": c.photo.taken_at.isoformat() if c.photo.taken_at else None,
            "attribution": c.photo.attribution,
            "licence": c.photo.licence,
            "thumbnail": where(c.photo.id),
        }
        for c in fix.candidates[:5]
    ]
    told = {
        "found": fix.found,
        "confidence": fix.confidence,
        "radius_m": at and at.radius_m,
        "heading_deg": fix.heading_deg,
        "reason": fix.reason,
        "map": "town",
        "verify": "fast",
        "took_ms": round(1000 * (time.monotonic() - began)),
        "attribution": [],
        "candidates": candidates,
        "nearby": [],
    }
    geometry = at and {"type": "Point", "coordinates": [at.lon, at.lat]}
    return {"type": "Feature", "geometry": geometry, "properties": told}


def inliers(city: Map, body: bytes, id: str) -> dict[str, Any]:
    explanation: Any = city.locate(body).explain()
    pair = next(each for each in explanation.pairs if each.candidate.photo.id == id)
    both = zip(pair.query_points[pair.agree], pair.candidate_points[pair.agree], strict=True)
    lines = [[*map(float, one), *map(float, other)] for one, other in both]
    sizes = [{"width": p.shape[1], "height": p.shape[0]} for p in (explanation.query, pair.picture)]
    return {"query": sizes[0], "photo": sizes[1], "inliers": lines, "count": len(lines)}
