"""Parameters of requests: from the address or from the fields of a form, checked by one model, unknown ones refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, Self, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..locate.options import NEAR_RADIUS_M, QueryOptions, Verify
from ..pois.upcoming import Ahead, Belief
from ..roads.speeds import Mode
from ..sources import PanoramaMode
from ..types import Position
from .errors import HttpError

DEFAULTS = QueryOptions()
MOST_K = 50
MOST_STATE_CHARS = 1_500_000

TravelMode = Literal["walk", "cycle", "drive", "train", "auto"]

LAT = r"[+-]?(90(\.0*)?|[0-8]?\d(\.\d*)?)"
LON = r"[+-]?(180(\.0*)?|(1[0-7]\d|\d?\d)(\.\d*)?)"

Parameters = TypeVar("Parameters", bound=BaseModel)


def _language() -> Any:
    return Field(
        None,
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$",
        max_length=20,
        description="language of the names of sights, such as uk or de",
    )


def _panorama() -> Any:
    return Field(DEFAULTS.panorama, description="whether the photo is a panorama; ask: as its GPano metadata says")


class MapParameters(BaseModel):
    """The parameter of every request about a map."""

    model_config = ConfigDict(populate_by_name=True)
    map_name: str | None = Field(
        None, alias="map", max_length=200, description="which map; may be left out where there is one"
    )


class BatchParameters(MapParameters):
    """What is asked beside the photos. The defaults are those of the shell and of Python."""

    near: str | None = Field(
        None, max_length=80, pattern=rf"^{LAT}, ?{LON}$", examples=["52.2053,0.1163"],
        description="latitude,longitude: only photos of the map within `radius_m` of it",
    )  # fmt: skip
    radius_m: float | None = Field(
        None, gt=0, le=20_000_000, description=f"metres around `near`; {NEAR_RADIUS_M:.0f} if left out"
    )
    k: int = Field(DEFAULTS.k, ge=1, le=MOST_K, description="how many candidates to list")
    verify: Verify | None = Field(None, description="how candidates are verified; if left out, as the operator set")
    panorama: PanoramaMode = _panorama()
    language: str | None = _language()

    @model_validator(mode="after")
    def _radius_needs_near(self) -> Self:
        if self.radius_m is not None and self.near is None:
            raise ValueError("radius_m is a radius around near: pass near=latitude,longitude too")
        return self

    def circle(self) -> tuple[float, float, float] | None:
        """(lat, lon, radius_m) of `near`, or None."""
        if self.near is None:
            return None
        lat, lon = (float(part) for part in self.near.split(","))
        return lat, lon, NEAR_RADIUS_M if self.radius_m is None else self.radius_m


class LocateParameters(BatchParameters):
    """What is asked beside one photo."""

    budget_ms: float | None = Field(
        None, gt=0, le=60_000, description="begin no verification that would end later than this, milliseconds"
    )
    form: Literal["geojson", "geopose"] = Field(
        "geojson", alias="format", description="geojson, or geopose for AR clients"
    )


class RouteParameters(MapParameters):
    """Where to go, and how."""

    to: str | None = Field(
        None, min_length=1, max_length=300, examples=["Sibelius Monument"],
        description="the destination, required: the name of a sight, or latitude,longitude",
    )  # fmt: skip
    mode: Mode = Field("walk", description="how to go")
    heading_deg: float | None = Field(
        None, ge=0, le=360, description="where the camera looks at the start, clockwise from north"
    )
    language: str | None = _language()
    form: Literal["geojson", "gpx"] = Field("geojson", alias="format", description="geojson, or gpx for navigators")


class RouteFromParameters(RouteParameters):
    """A route between two places, without a photo."""

    start: str = Field(
        alias="from", pattern=rf"^{LAT}, ?{LON}$", max_length=80, examples=["60.1699,24.9384"],
        description="latitude,longitude of the start",
    )  # fmt: skip


class SightParameters(MapParameters):
    """The sights that an answer to a moving camera names; none if left out."""

    upcoming_s: float | None = Field(
        None, ge=1, le=600, description="also name the sights ahead that are passed within so many seconds"
    )
    nearby_m: float | None = Field(None, ge=5, le=5000, description="also name up to five sights within so many metres")
    language: str | None = _language()


class LiveParameters(SightParameters):
    """The parameters of a connection for frames."""

    mode: TravelMode = Field("auto", description="how the camera moves; with a state, its mode is kept")


class FrameParameters(BaseModel):
    """The time of a frame, and what else is known about it."""

    at_s: float | None = Field(
        None, ge=-1e12, le=1e12, description="time of the frame in seconds of any clock; now, if left out"
    )
    near: str | None = Field(
        None, max_length=80, pattern=rf"^{LAT}, ?{LON}$", description="latitude,longitude by GPS, if it is known"
    )
    radius_m: float | None = Field(None, gt=0, le=100_000, description="metres around `near`; 15 if left out")
    compass_deg: float | None = Field(None, ge=0, lt=360, description="direction of the camera by a compass")
    steps: int | None = Field(None, ge=0, le=100_000, description="steps since the last frame")

    def gps(self) -> Position | None:
        if self.near is None:
            return None
        lat, lon = (float(part) for part in self.near.split(","))
        return Position(lat, lon, self.radius_m)


class TrackParameters(LiveParameters, FrameParameters):
    """The time of a frame, how the camera moves, what else is known, and what to name."""


class FrameMessage(FrameParameters):
    """What a client says on a connection about its next frame, or with `state` about the track."""

    model_config = ConfigDict(extra="forbid")
    state: str | None = Field(None, max_length=MOST_STATE_CHARS, description="continue this track")


class UpcomingParameters(MapParameters):
    """Where a camera is, how it moves, and what to name."""

    at: str = Field(pattern=rf"^{LAT}, ?{LON}$", max_length=80, description="latitude,longitude of the camera")
    radius_m: float = Field(0.0, ge=0, le=10_000, description="how far from there the camera may be")
    heading_deg: float = Field(ge=0, le=360, description="direction of travel, clockwise from north")
    speed_mps: float = Field(ge=0, le=140, description="metres a second; below 0.3 nothing comes")
    horizon_s: float = Field(Ahead().horizon_s, ge=1, le=600, description="how far ahead, in seconds")
    sight_m: float = Field(Ahead().sight_m, ge=5, le=2000, description="how far to the side")
    kinds: str | None = Field(
        None, max_length=500, examples=["historic,tourism=museum"], description="only these kinds, separated by commas"
    )
    language: str | None = _language()

    def belief(self) -> Belief:
        lat, lon = (float(part) for part in self.at.split(","))
        return Belief.at(Position(lat, lon, self.radius_m), self.heading_deg, self.speed_mps)

    def ahead(self) -> Ahead:
        kinds = tuple(filter(None, (kind.strip() for kind in (self.kinds or "").split(","))))
        return Ahead(self.horizon_s, self.sight_m, kinds=kinds)


class InliersParameters(MapParameters):
    """Which photo of the map the upload is compared with."""

    photo: str = Field(max_length=2000, description="id of a candidate")
    panorama: PanoramaMode = _panorama()


def with_fields(given: Parameters, request: Request, fields: Mapping[str, str]) -> Parameters:
    """Parameters of the address, and those that came as fields of a form beside the photo.

    Raises:
        HttpError: 400 for a field that is unknown, or contradicts the address; 422 for one out of its range.
    """
    if not fields:
        return given
    kind = type(given)
    names = [info.alias or name for name, info in kind.model_fields.items()]
    for name, value in fields.items():
        if name not in names:
            raise unknown("field", name, names)
        if (other := request.query_params.get(name)) is not None and other != value:
            line = f"{name} is {other[:40]!r} in the address and {value[:40]!r} in the form. Send it once."
            raise HttpError(400, "bad_parameter", line)
    try:
        return kind.model_validate({**request.query_params, **fields})
    except ValidationError as error:
        raise out_of_range(error.errors()) from None


def refuse_unknown(given: Sequence[tuple[str, str]], known: Iterable[str]) -> None:
    """Refuse a request with a parameter that its route does not have, or that is given twice.

    A misspelt parameter that is ignored gives a wrong answer that looks like a right one.
    """
    names, seen = list(known), dict[str, str]()
    for name, value in given:
        if name not in names:
            raise unknown("parameter", name, names)
        if seen.setdefault(name, value) != value:
            raise HttpError(400, "bad_parameter", f"The parameter {name} is given twice. Send it once.")


def unknown(what: str, name: str, known: Sequence[str]) -> HttpError:
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Use: {', '.join(known)}." if known else "Use none."
    return HttpError(400, f"unknown_{what}", f"There is no {what} {name[:60]!r} here. {hint}")


def out_of_range(errors: Sequence[Any]) -> HttpError:
    """The first of the errors that pydantic found, in one line."""
    first = errors[0]
    where = [str(part) for part in first["loc"] if part not in ("query", "path", "body")]
    said = first["msg"].removeprefix("Value error, ")
    line = f"{'.'.join(where) or 'The request'}: {said}. See /v1/openapi.json for what is allowed."
    return HttpError(422, "bad_parameter", " ".join(line.split()))
