"""Links from a place to other maps: one list for the shell, Python, HTTP and the reports.

The links are only text: nothing is asked from any service, and none of them needs a key. `web/shared/links.js` makes
the same list in a browser.
"""

from __future__ import annotations

import math
from urllib.parse import urlencode

NAMES = {
    "openstreetmap": "OpenStreetMap",
    "google_maps": "Google Maps",
    "street_view": "Street View",
    "google_directions": "Directions (Google)",
    "apple_maps": "Apple Maps",
    "apple_directions": "Directions (Apple)",
    "geo": "Map app of this device",
}
"""The links of a place in the order in which they are shown, and their names for people."""


def links_of(lat: float, lon: float, heading_deg: float | None = None) -> dict[str, str]:
    """Make the links of a place, by the keys of `NAMES`.

    Args:
        lat: latitude, [-90, 90].
        lon: longitude, [-180, 180].
        heading_deg: the direction that Street View opens in, clockwise from north; None lets it choose.
    """
    # Rounded as in GeoJSON, from which the browser makes the same list.
    mlat, mlon = f"{round(lat, 7) + 0.0:.6f}", f"{round(lon, 7) + 0.0:.6f}"
    at = f"{mlat},{mlon}"
    facing = {} if heading_deg is None else {"heading": math.floor(round(heading_deg, 1) + 0.5) % 360}
    google = "https://www.google.com/maps"
    apple = "https://maps.apple.com/"
    return {
        "openstreetmap": f"https://www.openstreetmap.org/?mlat={mlat}&mlon={mlon}#map=19/{mlat}/{mlon}",
        "google_maps": f"{google}/search/?{_query(api=1, query=at)}",
        "street_view": f"{google}/@?{_query(api=1, map_action='pano', viewpoint=at, **facing)}",
        "google_directions": f"{google}/dir/?{_query(api=1, destination=at)}",
        "apple_maps": f"{apple}?{_query(ll=at, q=at)}",
        "apple_directions": f"{apple}?{_query(daddr=at)}",
        "geo": f"geo:{at}",
    }


def _query(**values: object) -> str:
    return urlencode(values, safe=",")
