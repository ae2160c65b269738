"""The clock of a camera against that of a track: an offset, a zone, or what can be found out from both."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from ..errors import BadInput
from .motion import Match, Motion, match_motion, varies
from .read import FilmTrack
from .track import Track

ZONES_S = tuple(quarter * 900 for quarter in range(-14 * 4, 12 * 4 + 1))
"""What may have to be added to a camera's local time to make it UTC: zones are quarters of an hour."""

MeasureMotion = Callable[[], Motion]
"""A function that measures the motion in the pictures of a film. It takes seconds, so it is called only if needed."""

CLOCK_ERROR_S = 300.0
"""The clock of a camera is not farther off than this, apart from its zone."""

MATTERS_S = 1.0
"""A clock that is off by less is not corrected: positions of a receiver are late by as much."""

_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?")


@dataclass(frozen=True, slots=True)
class ClockOptions:
    """What the caller says about the clock of a camera. None is not said.

    `offset_s` is what to add to the times of the camera to make them those of the track. `zone` is the zone of the
    camera's local times: "+02:00", or a name such as "Europe/Helsinki".

    Raises:
        BadInput: the zone is unknown.
    """

    offset_s: float | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        zone_of(self.zone)


@dataclass(frozen=True, slots=True)
class Begins:
    """The time on a track's clock at which a film begins, and what to tell about how it was found."""

    begins_s: float
    note: str | None = None


def zone_of(text: str | None) -> tzinfo | None:
    """A zone from "+02:00" or "Europe/Helsinki"; None for None.

    Raises:
        BadInput: it is neither.
    """
    if text is None:
        return None
    match = _OFFSET.fullmatch(text)
    if match is not None and int(match[2]) <= 14 and int(match[3] or 0) < 60:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            f"{text!r} is not a time zone. Pass an offset such as +02:00, or a name such as Europe/Helsinki."
        ) from None


def film_begins(
    name: str,
    about: FilmTrack,
    duration_s: float,
    track: Track,
    clock: ClockOptions,
    motion: MeasureMotion | None = None,
) -> Begins:
    """Find the time on a track's clock at which a film begins.

    By the satellites if the film has its own positions; else by the camera's clock, corrected by the options, or by the
    only whole zone in which the film lies within the track. If the options say nothing, `motion` measures how the
    pictures move, and the speed of the track corrects the clock if it clearly can.

    Raises:
        BadInput: the film does not know when it was recorded, or its time does not fit the track.
    """
    if track.started_at is None:
        raise BadInput("The track does not say when it was recorded. Pass one with times.")
    if about.track is not None and about.track.started_at is not None and clock == ClockOptions():
        begins_s = (about.track.started_at - track.started_at).total_seconds()
        if not about.is_one_position and _overlap_s(begins_s, duration_s, track) > 0:
            return Begins(begins_s, f"{name}: placed on {track.source} by the time of its own satellites")
    if about.created_at is None:
        return _without_a_clock(name, duration_s, track, clock, motion)
    began = about.created_at
    if clock.zone is not None:  # the camera wrote its local time as if it were UTC
        began = began.replace(tzinfo=zone_of(clock.zone)).astimezone(UTC)
    begins_s = (began - track.started_at).total_seconds() + (clock.offset_s or 0.0)
    if _overlap_s(begins_s, duration_s, track) > 0:
        found = Begins(begins_s)
        return found if clock.offset_s is not None else _corrected(name, found, duration_s, track, motion)
    if clock == ClockOptions():
        zones = [zone_s for zone_s in ZONES_S if _overlap_s(begins_s + zone_s, duration_s, track) >= 0.9 * duration_s]
        whole = [zone_s for zone_s in zones if zone_s % 3600 == 0] or zones
        if len(whole) == 1:
            note = (
                f"{name}: the camera's clock was taken to be {_signed(-whole[0])} of UTC, the only zone in which the "
                f"film lies on {track.source}. For another: --clock-offset SECONDS"
            )
            return _corrected(name, Begins(begins_s + whole[0], note), duration_s, track, motion)
    raise BadInput(_does_not_fit(name, began + timedelta(seconds=clock.offset_s or 0.0), duration_s, track))


def _without_a_clock(
    name: str, duration_s: float, track: Track, clock: ClockOptions, motion: MeasureMotion | None
) -> Begins:
    """Place a film without a time on a track: where the caller says, or where its motion clearly fits."""
    if clock.offset_s is not None:
        return Begins(clock.offset_s)
    if motion is not None and varies(track, track.begins_s, track.ends_s):
        match = match_motion(motion(), track, track.begins_s - duration_s / 2, track.ends_s - duration_s / 2)
        if match is not None and match.is_clear:
            note = (
                f"{name} does not say when it was recorded. It was placed {match.begins_s:.1f} s after the first point "
                f"of {track.source}, {_evidence(match)}. For another: --clock-offset SECONDS"
            )
            return Begins(match.begins_s, note)
    raise BadInput(
        f"{name} does not say when it was recorded, and the motion in its pictures does not show it either, so it "
        f"cannot be placed on {track.source}. Pass --clock-offset SECONDS, the time on the track, after its first "
        "point, at which the film begins."
    )


def _corrected(name: str, found: Begins, duration_s: float, track: Track, motion: MeasureMotion | None) -> Begins:
    """Correct a clock by the motion in the pictures, if the match is clear; a note says what was found."""
    if motion is None or not varies(track, found.begins_s, found.begins_s + duration_s):
        return found
    match = match_motion(motion(), track, found.begins_s - CLOCK_ERROR_S, found.begins_s + CLOCK_ERROR_S)
    if match is None:
        return found
    notes = [] if found.note is None else [found.note]
    off_s = match.begins_s - found.begins_s
    if not match.is_clear:
        notes.append(
            f"{name}: the time of the camera is used as it is; the motion in its pictures does not show by how much it "
            f"is wrong ({_numbers(match)}). If positions are late or early: --clock-offset SECONDS"
        )
        return Begins(found.begins_s, "; ".join(notes))
    if abs(off_s) <= max(MATTERS_S, match.error_s):
        notes.append(f"{name}: the time of the camera fits {track.source}, {_evidence(match)}")
        return Begins(found.begins_s, "; ".join(notes))
    behind = "behind" if off_s > 0 else "ahead of"
    notes.append(
        f"{name}: the clock of the camera is {abs(off_s):.1f} s {behind} {track.source}, {_evidence(match)}. It was "
        "corrected; for another: --clock-offset SECONDS"
    )
    return Begins(match.begins_s, "; ".join(notes))


def _evidence(match: Match) -> str:
    return f"where the motion in its pictures fits the speed, to about {match.error_s:.1f} s ({_numbers(match)})"


def _numbers(match: Match) -> str:
    return f"correlation {match.correlation:.2f}, elsewhere {match.elsewhere:.2f} at most"


def photo_seconds(taken_at: datetime, track: Track, clock: ClockOptions) -> float | str:
    """The time of a photo on a track's clock; or the reason why it is not known.

    A time without a zone is in the camera's; if that is not said either, in the only whole zone in which the photo lies
    on the track.
    """
    offset_s = clock.offset_s or 0.0
    zone = zone_of(clock.zone)
    if track.started_at is None:
        return "the track does not say when it was recorded"
    if taken_at.tzinfo is None and zone is None and clock.offset_s is None:
        as_utc_s = (taken_at.replace(tzinfo=UTC) - track.started_at).total_seconds()
        zones = [zone_s for zone_s in ZONES_S if track.begins_s <= as_utc_s + zone_s <= track.ends_s]
        whole = [zone_s for zone_s in zones if zone_s % 3600 == 0] or zones
        if len(whole) == 1:
            return as_utc_s + whole[0]
        why = "fits several zones" if whole else "fits no zone"
        return f"its time {taken_at:%Y-%m-%d %H:%M:%S} has no zone and {why}. Pass --camera-zone, such as +02:00"
    known = taken_at if taken_at.tzinfo is not None else taken_at.replace(tzinfo=zone or UTC)
    return (known - track.started_at).total_seconds() + offset_s


def _overlap_s(begins_s: float, duration_s: float, track: Track) -> float:
    return min(begins_s + duration_s, track.ends_s) - max(begins_s, track.begins_s)


def _does_not_fit(name: str, began: datetime, duration_s: float, track: Track) -> str:
    first, last = track.moment(track.begins_s), track.moment(track.ends_s)
    assert first is not None and last is not None, "the track has a time"
    ended = began + timedelta(seconds=duration_s)
    return (
        f"{name} was recorded from {began:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S} UTC by its camera's clock, but "
        f"{track.source} is from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC. Pass the track of that "
        "day, or set --camera-zone or --clock-offset SECONDS."
    )


def _signed(seconds: int) -> str:
    sign = "behind" if seconds < 0 else "ahead"
    return f"{abs(seconds) // 3600}:{abs(seconds) % 3600 // 60:02d} {sign}"
