"""The shapes of all answers, for the OpenAPI document. No logic."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

FIX: Any = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [0.1162866, 52.2057554]},
    "properties": {
        "found": True,
        "confidence": 0.98,
        "radius_m": 25.0,
        "heading_deg": 141.0,
        "reason": "similarity 0.67, 0001_180.jpg, 123 local features agree, 0.14 ahead of any other place",
        "map": "cambridge",
        "verify": "accurate",
        "took_ms": 64.2,
        "attribution": ["Ada Lovelace"],
        "candidates": [],
        "nearby": [],
        "links": {"geo": "geo:52.205755,0.116287"},
    },
}


class Point(BaseModel):
    type: Literal["Point"]
    coordinates: list[float] = Field(description="longitude, latitude: GeoJSON's order", min_length=2, max_length=2)


class At(BaseModel):
    lat: float
    lon: float
    radius_m: float | None = None


class CandidateReply(BaseModel):
    id: str
    similarity: float = Field(description="cosine of the descriptors, -1 to 1")
    inliers: int | None = Field(
        description="local features that agree with those of the query; null where not verified"
    )
    position: At
    heading_deg: float | None
    taken_at: str | None
    attribution: str | None
    licence: str | None
    thumbnail: str | None = Field(description="address relative to the service; null where it may not be shown")


class NearbyReply(BaseModel):
    id: str
    name: str
    names: dict[str, str]
    kind: str
    position: At
    distance_m: float
    bearing_deg: float
    side: Literal["ahead", "right", "behind", "left"] | None
    links: dict[str, str]


class FixProperties(BaseModel):
    found: bool
    confidence: float = Field(description="probability that the photo was taken within the radius, 0 to 1")
    radius_m: float | None
    heading_deg: float | None = Field(description="where the camera looked, clockwise from north; null where unknown")
    reason: str
    map: str
    verify: str
    took_ms: float
    attribution: list[str]
    candidates: list[CandidateReply]
    nearby: list[NearbyReply]
    links: dict[str, str] = Field(
        description="the place in other maps, by name; empty when the photo is not in the map"
    )


class FixReply(BaseModel):
    """Where a photo was taken, as a GeoJSON Feature; its geometry is null when the photo is not in the map."""

    model_config = {"json_schema_extra": {"examples": [FIX]}}
    type: Literal["Feature"]
    geometry: Point | None
    properties: FixProperties


class Problem(BaseModel):
    code: str
    message: str = Field(description="one line: what happened, what was found, what to do next")
    request_id: str | None
    status: int


class ErrorReply(BaseModel):
    error: Problem


class BatchReply(BaseModel):
    """An answer for every photo, in their order; an error in the place of a photo that cannot be read."""

    type: Literal["FeatureCollection"]
    features: list[FixReply | ErrorReply]


class PoseAt(BaseModel):
    lat: float
    lon: float
    h: float = Field(description="metres above the ellipsoid; 0, since it is unknown")


class Angles(BaseModel):
    yaw: float
    pitch: float
    roll: float


class GeoPoseReply(BaseModel):
    """OGC GeoPose 1.0, Basic-YPR."""

    position: PoseAt
    angles: Angles


class ExpectationReply(BaseModel):
    """What a map can be expected to find, estimated from its own left-out photos."""

    share_found: float = Field(description="share of new photos of the same streets that would be found, 0 to 1")
    share_found_by_similarity: float = Field(description="the same without verification")
    left_out: int = Field(description="photos that were left out and searched for")
    spacing_m: float | None = Field(description="median distance from a photo to the next; null where it is over 200 m")
    box: list[float] = Field(description="south, west, north, east")
    advice: Literal["none", "coverage", "fetch"] = Field(
        description="what helps: nothing is needed, more photos (viewfix coverage), or street-level pictures"
    )


class MapReply(BaseModel):
    name: str
    photos: int
    bounds: list[float] | None = Field(description="west, south, east, north; west > east across the 180th meridian")
    model: str
    verify: list[str]
    calibrated: bool
    expectation: ExpectationReply | None = Field(description="null where too few photos could be left out")
    points_of_interest: int
    basemap: dict[str, Any] | None = Field(description="the map's own base map, for MapLibre; null without one")
    writable: bool


class MapsReply(BaseModel):
    maps: list[MapReply]
    keeps_queries: bool = Field(description="whether the operator stores the photos that are sent")


class PhotosReply(BaseModel):
    """Photos in view: single ones where they are few, else clusters with a `count`."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]]
    photos: int
    approximate: bool


class Line(BaseModel):
    type: Literal["LineString"]
    coordinates: list[list[float]] = Field(description="longitude, latitude: GeoJSON's order")


class StepReply(BaseModel):
    instruction: str = Field(description="in English, such as: turn left, 80 m along Mannerheimintie")
    turn: str | None = Field(
        description="ahead, slightly right, right, sharp right, around, sharp left, left, slightly left or arrive; the "
        "first one is relative to where the camera looks, null where that is unknown"
    )
    street: str | None
    surface: Literal["stairs", "path", "road"]
    distance_m: float
    duration_s: float
    bearing_deg: float
    position: At
    side: Literal["ahead", "right", "behind", "left"] | None = Field(
        description="where the destination lies at the end"
    )


class RouteProperties(BaseModel):
    mode: Literal["walk", "cycle", "drive"]
    destination: str
    start: At
    end: At
    distance_m: float
    duration_s: float
    steps: list[StepReply]
    attribution: str | None = Field(description="must be shown with the route")
    map: str
    took_ms: float


class RouteReply(BaseModel):
    """The way along roads, as a GeoJSON Feature."""

    type: Literal["Feature"]
    geometry: Line
    properties: RouteProperties


class UpcomingSight(BaseModel):
    id: str
    name: str
    kind: str
    position: At
    in_s: float = Field(description="when it is passed")
    side: Literal["ahead", "left", "right"]
    distance_m: float = Field(description="how far to the side it is then")
    probability: float
    link: str | None = Field(description="in the language of the name")
    attribution: str | None


class TrackProperties(BaseModel):
    found: bool
    confidence: float = Field(description="probability of being within `radius_m`")
    p_off: float = Field(description="probability of not being on this map")
    radius_m: float | None
    heading_deg: float | None = Field(description="direction of the camera")
    direction_deg: float | None = Field(description="direction of travel")
    speed_mps: float | None
    time_s: float
    mode: str
    reason: str
    map: str
    took_ms: float
    upcoming: list[UpcomingSight] | None = Field(None, description="nearest in time first; only if asked for")
    nearby: list[NearbyReply] | None = Field(None, description="only if asked for")


class TrackReply(BaseModel):
    """Where a moving camera is, as a GeoJSON Feature; `state` is to be sent with the next frame."""

    type: Literal["Feature"]
    geometry: Point | None
    properties: TrackProperties
    state: str


class UpcomingReply(BaseModel):
    """The sights ahead, nearest in time first."""

    map: str
    sights: list[UpcomingSight]


class Sides(BaseModel):
    width: int
    height: int


class ViewReply(BaseModel):
    yaw_deg: float | None = Field(description="clockwise from the centre of the panorama")
    pitch_deg: float | None
    roll_deg: float | None
    field_of_view_deg: float | None


class InliersReply(BaseModel):
    query: Sides
    photo: Sides
    view: ViewReply | None = Field(description="the part of a panorama that was compared; null for another photo")
    inliers: list[list[float]] = Field(description="x, y in the query and x, y in the photo, in pixels of the sides")
    count: int


class AddedReply(BaseModel):
    id: str
    ids: list[str] = Field(description="of the photos in the map: of a panorama, those of its views")
    added: int
    replaced: int
    unchanged: int


class RemovedReply(BaseModel):
    removed: int


class StateReply(BaseModel):
    status: str


class BasemapReply(BaseModel):
    style: dict[str, Any] | None
