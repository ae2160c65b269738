"""Decide from the tags of an OpenStreetMap way who may use it, in which direction; and what a barrier stops."""

from __future__ import annotations

from collections.abc import Mapping

Tags = Mapping[str, str]

WALK, CYCLE, DRIVE = 0b000011, 0b001100, 0b110000
"""The bits of each mode in an access mask: the lower one along the way, the higher one against it."""

ALONG, AGAINST = 0b010101, 0b101010

CAR_ROADS = {
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
    "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service", "road",
}  # fmt: skip
_FAST_ROADS = {"motorway", "motorway_link"}
_PATHS = {"footway", "path", "pedestrian", "steps", "track", "cycleway", "corridor", "bridleway", "elevator"}
FERRY = "ferry"
_SOME_CARS = {"pedestrian", "track", FERRY}
_CYCLE_PATHS = {"path", "track", "cycleway"}
CLASSES = frozenset(CAR_ROADS | _PATHS | {FERRY})
"""The values of `highway` that become roads, and ferries; anything else, such as construction, is left out."""

ROAD_KEYS = ("highway", "route")
"""The tags that a road may have."""

_OPEN = {"yes", "designated", "permissive", "destination", "customers", "official", "public"}
_CLOSED = {"no", "private", "agricultural", "forestry", "delivery", "permit", "use_sidepath", "military", "emergency"}
_ONEWAY = {"yes": ALONG, "1": ALONG, "true": ALONG, "-1": AGAINST, "reverse": AGAINST}
_MAY_PASS = {  # barrier: the modes that it lets through without any further tag
    "bollard": WALK | CYCLE, "block": WALK | CYCLE, "cycle_barrier": WALK | CYCLE, "planter": WALK | CYCLE,
    "log": WALK | CYCLE, "chain": WALK | CYCLE, "jersey_barrier": WALK | CYCLE, "bus_trap": WALK | CYCLE,
    "sump_buster": WALK | CYCLE, "motorcycle_barrier": WALK | CYCLE, "swing_gate": WALK | CYCLE,
    "height_restrictor": WALK | CYCLE | DRIVE, "kissing_gate": WALK, "stile": WALK, "turnstile": WALK,
    "full-height_turnstile": WALK, "horse_stile": WALK, "wall": 0, "fence": 0, "hedge": 0, "ditch": WALK,
    "retaining_wall": 0, "city_wall": 0,
}  # fmt: skip


def class_of(tags: Tags) -> str:
    """The class of a road: the value of `highway`, or FERRY."""
    return tags.get("highway") or (FERRY if tags.get("route") == FERRY else "")


def access_of(tags: Tags) -> int:
    """The access mask of a way; 0 if it is not a road, or closed to everyone."""
    road = class_of(tags)
    if road not in CLASSES or tags.get("area") == "yes":  # the edge of a square is not a way across it
        return 0
    mask = WALK if _may_walk(road, tags) else 0
    mask |= CYCLE if _may_cycle(road, tags) else 0
    mask |= DRIVE if _may_drive(road, tags) else 0
    return mask & _directions(road, tags)


def stopped_by(tags: Tags) -> int:
    """The modes that cannot pass a node with these tags; 0 if everyone can pass."""
    barrier = tags.get("barrier")
    if barrier is None:
        return 0
    open_to = _MAY_PASS.get(barrier, WALK | CYCLE | DRIVE)
    for mode, keys in _KEYS:
        verdict = _verdict(tags, keys)
        if verdict is not None:
            open_to = open_to | mode if verdict else open_to & ~mode
    return (WALK | CYCLE | DRIVE) & ~open_to


_KEYS = (
    (WALK, ("foot", "access")),
    (CYCLE, ("bicycle", "vehicle", "access")),
    (DRIVE, ("motorcar", "motor_vehicle", "vehicle", "access")),
)


def _verdict(tags: Tags, keys: tuple[str, ...]) -> bool | None:
    """Whether the most specific of these tags opens or closes a way; None if none of them does either."""
    for key in keys:
        value = tags.get(key, "").split(";")[0].strip()
        if value in _OPEN:
            return True
        if value in _CLOSED:
            return False
    return None


def _may_walk(road: str, tags: Tags) -> bool:
    verdict = _verdict(tags, ("foot", "access"))
    return verdict if verdict is not None else road not in _FAST_ROADS and tags.get("motorroad") != "yes"


def _may_cycle(road: str, tags: Tags) -> bool:
    if road in ("steps", "elevator") or tags.get("bicycle") == "dismount":
        return False
    if road in CAR_ROADS or road in _CYCLE_PATHS:
        verdict = _verdict(tags, ("bicycle", "vehicle", "access"))
        return verdict if verdict is not None else road not in _FAST_ROADS and tags.get("motorroad") != "yes"
    return tags.get("bicycle") in ("yes", "designated", "permissive")


def _may_drive(road: str, tags: Tags) -> bool:
    if road not in CAR_ROADS:  # a square, a track or a ferry only where it says that cars may use it
        return road in _SOME_CARS and bool(_verdict(tags, ("motorcar", "motor_vehicle")))
    if road == "service" and tags.get("service") == "emergency_access":
        return False
    verdict = _verdict(tags, ("motorcar", "motor_vehicle", "vehicle", "access"))
    return verdict if verdict is not None else True


def _directions(road: str, tags: Tags) -> int:
    """The bits that the one-way rules leave."""
    everywhere = ALONG | AGAINST
    implied = tags.get("junction") in ("roundabout", "circular") or road in _FAST_ROADS
    wheels = _ONEWAY.get(tags.get("oneway", "yes" if implied else "no"), everywhere)
    bikes = _ONEWAY.get(tags.get("oneway:bicycle", ""), everywhere if _bikes_go_both_ways(tags) else wheels)
    feet = _ONEWAY.get(tags.get("oneway:foot", ""), everywhere)
    if tags.get("foot:backward") == "no":
        feet = ALONG
    if tags.get("conveying") in ("forward", "backward"):  # an escalator, or a moving walkway
        feet = ALONG if tags["conveying"] == "forward" else AGAINST
    return (feet & WALK) | (bikes & CYCLE) | (wheels & DRIVE)


def _bikes_go_both_ways(tags: Tags) -> bool:
    lanes = [tags.get(key, "") for key in ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")]
    exempt = "no" in (tags.get(f"{key}:oneway") for key in ("cycleway:left", "cycleway:right", "cycleway:both"))
    return tags.get("oneway:bicycle") == "no" or exempt or any(lane.startswith("opposite") for lane in lanes)


def reversed_access(mask: int) -> int:
    """The access mask of the same road, drawn in the other direction."""
    return (mask & ALONG) << 1 | (mask & AGAINST) >> 1
