"""Decide how objects of OpenStreetMap are drawn: the layers and kinds of Protomaps' basemap schema, version 4.

Any viewer that knows that schema draws a base map of viewfix, and the pages of viewfix draw any Protomaps extract.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..pois.links import LONGEST_NAME

Tags = Mapping[str, str]

NAMES_IN = ("en", "de", "uk", "fr", "es", "it", "pl", "sv", "pt", "nl", "cs", "ja", "zh", "ar")
"""The languages whose names are kept beside the local name, where they differ from it."""

KEYS = ("highway", "railway", "building", "natural", "waterway", "water", "leisure", "landuse", "amenity", "aeroway",
        "place", "man_made", "tourism")  # fmt: skip
"""Objects without any of these keys are skipped."""

_ROADS = {
    **dict.fromkeys(("motorway", "motorway_link"), ("highway", 7)),
    **dict.fromkeys(("trunk", "trunk_link"), ("major_road", 8)),
    **dict.fromkeys(("primary", "primary_link"), ("major_road", 9)),
    **dict.fromkeys(("secondary", "secondary_link", "tertiary", "tertiary_link"), ("major_road", 11)),
    **dict.fromkeys(("residential", "unclassified", "road", "living_street"), ("minor_road", 12)),
    **dict.fromkeys(("service", "raceway"), ("minor_road", 13)),
    **dict.fromkeys(("pedestrian", "track"), ("path", 13)),
    **dict.fromkeys(("path", "cycleway", "bridleway", "footway", "steps"), ("path", 14)),
}
_RAILS = ("rail", "light_rail", "tram", "subway", "narrow_gauge", "funicular", "monorail")

_GROUND = {
    "leisure": {"park": "park", "garden": "park", "recreation_ground": "park", "nature_reserve": "nature_reserve",
                "golf_course": "golf_course", "pitch": "grass", "playground": "playground", "common": "park",
                "dog_park": "park"},
    "landuse": {"grass": "grass", "meadow": "grassland", "village_green": "village_green", "forest": "forest",
                "recreation_ground": "park", "cemetery": "cemetery", "allotments": "allotments",
                "industrial": "industrial", "railway": "industrial", "military": "military", "orchard": "grassland",
                "vineyard": "grassland", "flowerbed": "grass"},
    "natural": {"wood": "wood", "scrub": "scrub", "heath": "scrub", "grassland": "grassland", "beach": "beach",
                "sand": "sand", "glacier": "glacier"},
    "amenity": {"hospital": "hospital", "school": "school", "university": "university", "college": "college",
                "grave_yard": "cemetery"},
    "aeroway": {"aerodrome": "aerodrome", "runway": "runway"},
    "tourism": {"zoo": "zoo"},
    "man_made": {"pier": "pier"},
}  # fmt: skip
_NAMED_GROUND = {"park": 14, "nature_reserve": 13, "cemetery": 15, "zoo": 14, "golf_course": 14, "beach": 15}

_LOCALITIES = {"city": (11, 3), "town": (8, 7), "village": (5, 10), "hamlet": (3, 12)}
"""Population rank, and the zoom from which the name is shown."""

_QUARTERS = {"suburb": 11, "borough": 11, "quarter": 12, "neighbourhood": 13}


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one object is drawn: in which layer, from which zoom, with which properties.

    `as_point`: an area of which only a point inside is drawn, for its name.
    """

    layer: str
    kind: str
    min_zoom: int
    more: Mapping[str, Any] = field(default_factory=dict)
    as_point: bool = False
    named: bool = False


def line_of(tags: Tags) -> Drawn | None:
    """How a way is drawn as a line; None if it is not."""
    road = tags.get("highway", "")
    if road in _ROADS and tags.get("area") != "yes":
        kind, zoom = _ROADS[road]
        return Drawn("roads", kind, zoom, {**_about_way(tags), "kind_detail": road, **_link(road)}, named=True)
    if tags.get("railway") in _RAILS and tags.get("service") not in ("yard", "siding", "spur"):
        return Drawn("roads", "rail", 11, {**_about_way(tags), "kind_detail": tags["railway"]})
    if tags.get("man_made") == "pier":
        return Drawn("roads", "path", 14, {"kind_detail": "pier"})
    if tags.get("waterway") in ("river", "canal"):
        return Drawn("water", "river", 9, named=True)
    if tags.get("waterway") in ("stream", "ditch"):
        return Drawn("water", "stream", 14)
    return None


def areas_of(tags: Tags) -> list[Drawn]:
    """How an area is drawn: its surface, and a point for its name; empty if it is not."""
    building = tags.get("building", "no")
    if building != "no":
        return [] if tags.get("location") == "underground" else [Drawn("buildings", "building", 13)]
    if _is_water(tags):
        drawn = [Drawn("water", "water", 8)]
        return [*drawn, Drawn("water", "lake", 13, as_point=True, named=True)] if "name" in tags else drawn
    if tags.get("highway") in ("pedestrian", "footway") and "railway" not in tags:
        return [Drawn("landuse", "pedestrian", 13)]
    if tags.get("place") in ("square", "island", "islet") or tags.get("natural") in ("bay", "strait"):
        point = point_of(tags)
        return [] if point is None else [Drawn(point.layer, point.kind, point.min_zoom, as_point=True, named=True)]
    for key, kinds in _GROUND.items():
        if (kind := kinds.get(tags.get(key, ""))) is not None:
            surface = Drawn("landuse", kind, 10 if key in ("landuse", "natural") else 12)
            zoom = _NAMED_GROUND.get(kind)
            if zoom is None or "name" not in tags:
                return [surface]
            return [surface, Drawn("pois", "park", zoom, {"min_zoom": zoom}, as_point=True, named=True)]
    return []


def point_of(tags: Tags) -> Drawn | None:
    """How a node is drawn: a name; None if it is not."""
    if "name" not in tags:
        return None
    place = tags.get("place", "")
    if place in _LOCALITIES:
        rank, zoom = _LOCALITIES[place]
        more = {"kind_detail": place, "population_rank": rank, "min_zoom": zoom, "sort_key": 20 - rank}
        return Drawn("places", "locality", zoom, more, named=True)
    if place in _QUARTERS:
        return Drawn("places", "neighbourhood", _QUARTERS[place], {"min_zoom": _QUARTERS[place]}, named=True)
    if place in ("island", "islet"):
        return Drawn("earth", "island", 12, named=True)
    if place == "square":
        return Drawn("pois", "attraction", 15, {"min_zoom": 15}, named=True)
    if tags.get("natural") in ("bay", "strait"):
        return Drawn("water", tags["natural"], 11, named=True)
    if tags.get("railway") in ("station", "halt"):
        return Drawn("pois", "station", 14, {"min_zoom": 14}, named=True)
    return None


def properties_of(drawn: Drawn, tags: Tags) -> dict[str, Any]:
    """The properties of a feature: its kind and, if it is named, its names."""
    return {"kind": drawn.kind, **drawn.more, **(_names(tags) if drawn.named else {})}


def _about_way(tags: Tags) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if tags.get("tunnel", "no") not in ("no", "building_passage"):
        about["is_tunnel"] = True
    if tags.get("bridge", "no") != "no":
        about["is_bridge"] = True
    return about


def _link(road: str) -> dict[str, Any]:
    return {"is_link": True} if road.endswith("_link") else {}


def _is_water(tags: Tags) -> bool:
    return (
        tags.get("natural") == "water"
        or tags.get("waterway") in ("riverbank", "dock")
        or tags.get("landuse") in ("reservoir", "basin")
        or tags.get("leisure") == "swimming_pool"
    )


def _names(tags: Tags) -> dict[str, str]:
    name = _text(tags.get("name", ""))
    if not name:
        return {}
    others = {f"name:{code}": _text(tags.get(f"name:{code}", "")) for code in NAMES_IN}
    script = _script(name)
    found = {"name": name} | {key: other for key, other in others.items() if other and other != name}
    return found if script == "Latin" else {**found, "script": script}


def _script(name: str) -> str:
    """The script of the first letter of a name, as Protomaps' schema calls it: Latin, Cyrillic, Greek, Arabic, Han."""
    letter = next((c for c in name if c.isalpha()), "a")
    word = unicodedata.name(letter, "LATIN").split()[0]
    return "Han" if word == "CJK" else word.capitalize()


def _text(text: str) -> str:
    """A name on one line, without control characters and of bounded length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME]
