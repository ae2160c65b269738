"""What to take from a service: a period, a density, a number of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

from ...errors import BadInput


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What to take from a service.

    Args:
        since: the first day, or the first moment, of the pictures; None for no limit. A moment without zone is UTC.
        until: the last day (included), or the last moment.
        radius_m: the radius around the point of a spec such as panoramax:60.17,24.94.
        max_photos: take at most this many pictures, spread evenly over the list; the newest with `newest_first`.
        spacing_m: leave out a picture that is nearer than this to another one with about the same direction.
        newest_first: prefer newer pictures where `spacing_m` or `max_photos` leaves some out, and begin with them.
        token_file: a file with the token of Mapillary; None for the variable MAPILLARY_ACCESS_TOKEN.

    Raises:
        BadInput: a value is out of range.
    """

    since: date | datetime | None = None
    until: date | datetime | None = None
    radius_m: float | None = None
    max_photos: int | None = None
    spacing_m: float | None = None
    newest_first: bool = False
    token_file: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, value in (("radius_m", self.radius_m), ("spacing_m", self.spacing_m)):
            if value is not None and not 0 < value < math.inf:
                raise BadInput(f"{name} must be more than 0, in metres; got {value}.")
        if self.max_photos is not None and self.max_photos < 1:
            raise BadInput(f"max_photos must be at least 1; got {self.max_photos}.")
        begin, end = self.period
        if begin is not None and end is not None and begin > end:
            raise BadInput(f"The period begins on {self.since} but ends on {self.until}. Swap the two.")

    @property
    def period(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last moment, both in UTC; None for no limit."""
        return _moment(self.since, time.min), _moment(self.until, time.max)

    @property
    def is_default(self) -> bool:
        """Whether nothing was set."""
        return self == ServiceOptions()


def day_or_moment(text: str) -> date | datetime:
    """Parse 2024-05-01 or 2024-05-01T12:00:00+02:00.

    Raises:
        BadInput: it is neither.
    """
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a date. Write it as 2024-05-01 or 2024-05-01T12:00:00+02:00.") from None


def _moment(value: date | datetime | None, at: time) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.combine(value, at)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def in_period(taken_at: datetime | None, period: tuple[datetime | None, datetime | None]) -> bool:
    """Whether a picture belongs to a period. One without a time belongs only to a period without limits."""
    begin, end = period
    if begin is None and end is None:
        return True
    if taken_at is None:
        return False
    moment = taken_at if taken_at.tzinfo else taken_at.replace(tzinfo=UTC)
    return (begin is None or moment >= begin) and (end is None or moment <= end)
