"""Decide from the tags of an OpenStreetMap object whether it is a sight, of which kind, and how well known."""

from __future__ import annotations

from collections.abc import Mapping

Tags = Mapping[str, str]

# What a guide book would mention, by key=value, with the notability of an object about which nothing else is known.
# Objects of these kinds are kept if they have a name; "*" stands for any other value.
WELL_KNOWN: dict[str, dict[str, float]] = {
    "tourism": {
        "museum": 2.5, "attraction": 2.0, "zoo": 3, "aquarium": 3, "theme_park": 2.5, "viewpoint": 1.5,
        "gallery": 0.6, "artwork": 1.0,
    },
    "historic": {
        "castle": 3, "palace": 3, "monument": 2.5, "archaeological_site": 2, "fort": 2, "city_gate": 2, "citywalls": 2,
        "city_wall": 2, "monastery": 2, "church": 1.5, "ship": 1.5, "aqueduct": 2, "ruins": 1.5, "tower": 1.5,
        "manor": 1.5, "lighthouse": 2, "battlefield": 1.5, "memorial": 0.8, "tomb": 0.8, "wayside_cross": 0.3,
        "wayside_shrine": 0.3, "*": 0.8,
    },
    "amenity": {
        "place_of_worship": 1.2, "monastery": 2, "theatre": 1.5, "townhall": 1.5, "arts_centre": 1.2, "casino": 1.5,
        "concert_hall": 1.5, "planetarium": 1.5, "marketplace": 1.2, "library": 1, "university": 0.8, "courthouse": 0.7,
        "exhibition_centre": 0.7, "fountain": 0.8,
    },
    "man_made": {
        "lighthouse": 2, "tower": 1.5, "campanile": 1.5, "communications_tower": 1.5, "obelisk": 1.5, "windmill": 1.5,
        "watermill": 1.2, "observatory": 1.5, "water_tower": 0.7, "cross": 0.4,
    },
    "building": {
        "cathedral": 3, "basilica": 3, "palace": 3, "castle": 3, "museum": 2, "monastery": 2, "temple": 1.5,
        "church": 1.5, "mosque": 1.5, "synagogue": 1.5, "pagoda": 2, "shrine": 1.2, "chapel": 1, "bell_tower": 1.5,
        "lighthouse": 2, "windmill": 1.5, "triumphal_arch": 2.5, "fort": 2,
    },
    "leisure": {"garden": 1.0, "park": 0.7, "marina": 1.2, "stadium": 1, "nature_reserve": 0.8},
    "natural": {
        "beach": 1.2, "peak": 1, "cave_entrance": 1.2, "volcano": 2, "geyser": 2, "arch": 1.2, "waterfall": 2,
    },
    "waterway": {"waterfall": 2},
}  # fmt: skip

# Kinds that are sights only if an encyclopaedia has an article about the object.
WITH_ARTICLE: dict[str, dict[str, float]] = {
    "place": {"square": 1.5, "islet": 0.8, "island": 0.8},
    "man_made": {"bridge": 1, "pier": 0.8, "*": 0.5},
    "leisure": {"*": 0.5},
    "natural": {"*": 0.2},
    "landuse": {"cemetery": 1, "vineyard": 0.5},
    "shop": {"department_store": 0.6, "mall": 0.2},
    "amenity": {"*": 0.5},
    "tourism": {"hotel": 0.4},
    "waterway": {"dam": 1, "canal": 0.5},
    "military": {"bunker": 0.5, "barracks": 0.5},
    "building": {"train_station": 1.5, "*": 0.3},
}

NOT_HISTORIC = {"no", "boundary_stone", "milestone", "highwater_mark", "road", "street", "railway", "railway_station"}
"""Values of `historic` that do not interest travellers."""

ARTICLE_IS_ABOUT_OPERATOR = {
    "pharmacy", "bank", "atm", "fuel", "parking", "kindergarten", "clinic", "dentist", "doctors", "post_office",
    "police", "car_rental", "bicycle_rental", "fast_food", "embassy", "bureau_de_change", "bus_station",
    "ferry_terminal", "school", "parking_entrance", "toilets", "social_facility", "charging_station", "office",
    "public_building",
}  # fmt: skip
"""Amenities whose article is usually about the company or the service, except on the building itself."""

BRANDED = ("brand:wikidata", "brand", "network:wikidata")
SMALL = {"plaque", "blue_plaque", "stolperstein", "stone", "bench"}
UNKNOWN = 1.0
UNKNOWN_KIND = "point_of_interest"
"""The kind of a point whose file does not state one."""

ARTICLE, ITEM, ARTICLE_FACTOR, LANGUAGE, MOST_LANGUAGES, HERITAGE, ATTRACTION = 1.5, 0.5, 1.5, 0.1, 20, 0.5, 1.0


def kind_of(tags: Tags) -> tuple[str, float] | None:
    """The kind of sight ("historic=castle") that the tags describe, and its notability; None if it is not a sight.

    Streets, stops, administrative areas, brands and objects without a name are not sights.
    """
    if not tags.get("name", "").strip() or _is_route_or_border(tags) or tags.get("memorial") == "stolperstein":
        return None
    written = has_own_item(tags)
    kinds = [*_listed(tags, WELL_KNOWN), *(_listed(tags, WITH_ARTICLE) if written else ())]
    if not kinds:
        return None
    kind, value = max(kinds, key=lambda each: each[1])
    if kind == "tourism=attraction":  # any other kind is more specific
        kind = max(kinds, key=lambda each: (each[0] != kind, each[1]))[0]
    return kind, notability(tags, value)


def notability(tags: Tags, value: float) -> float:
    """How well known a sight is: from its kind, and from how much has been written about it."""
    if {tags.get("memorial"), tags.get("memorial:type"), tags.get("artwork_type")} & SMALL:
        value = min(value, 0.2)
    if has_own_item(tags):
        # A famous church counts more than a famous office: an article multiplies the value of the kind, and adds to it.
        value = (
            value * (ARTICLE_FACTOR if _has_article(tags) else 1)
            + ARTICLE * _has_article(tags)
            + ITEM * ("wikidata" in tags)
        )
    languages = sum(key.startswith("name:") and len(key) <= 8 for key in tags)
    value += LANGUAGE * min(languages, MOST_LANGUAGES)
    value += HERITAGE * ("heritage" in tags) + ATTRACTION * (tags.get("tourism") == "attraction")
    return round(value, 2)


def has_own_item(tags: Tags) -> bool:
    """Whether an encyclopaedia has an article about this object, and not only about the chain it belongs to."""
    item = tags.get("wikidata")
    if any(key in tags for key in BRANDED) or (item and item == tags.get("operator:wikidata")):
        return False
    return item is not None or _has_article(tags)


def _has_article(tags: Tags) -> bool:
    return "wikipedia" in tags or any(key.startswith("wikipedia:") for key in tags)


def value_of(kind: str) -> float:
    """The notability of a kind, for files without more information."""
    key, _, value = kind.partition("=")
    for values in (WELL_KNOWN, WITH_ARTICLE):
        found = values.get(key, {}).get(value, values.get(key, {}).get("*"))
        if found is not None:
            return float(found)
    return UNKNOWN


def _listed(tags: Tags, lists: Mapping[str, Mapping[str, float]]) -> list[tuple[str, float]]:
    found = []
    for key, values in lists.items():
        for value in (part.strip() for part in tags.get(key, "").split(";")):
            known = values.get(value, values.get("*")) if value and value != "no" else None
            if known is not None and not _excluded(key, value, tags):
                found.append((f"{key}={value}", float(known)))
    return found


def _excluded(key: str, value: str, tags: Tags) -> bool:
    if key == "historic":
        return value in NOT_HISTORIC
    if key == "amenity":
        return value in ARTICLE_IS_ABOUT_OPERATOR
    if key == "man_made" and value == "tower":
        return tags.get("tower:type") == "communication" and not has_own_item(tags)
    if key == "building":
        return value in ("entrance", "construction")
    return False


def _is_route_or_border(tags: Tags) -> bool:
    """Whether it is a street, line, stop or border (even an old one, or one with an article) not marked as a sight."""
    if tags.get("tourism") in ("attraction", "viewpoint", "artwork", "museum"):
        return False
    if "highway" in tags:
        return tags.get("place") != "square" and "historic" not in tags
    if "railway" in tags or "public_transport" in tags:
        return "building" not in tags and "historic" not in tags
    return "boundary" in tags and "historic" not in tags and "leisure" not in tags


def words_of(kind: str) -> str | None:
    """A kind in words: "place of worship" for "amenity=place_of_worship"; None for a kind without meaning."""
    if kind == UNKNOWN_KIND:
        return None
    key, _, value = kind.partition("=")
    word = key if value in ("", "yes") else value
    return " ".join(word.replace("_", " ").split()) or None
