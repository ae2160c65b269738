"""A service as a source of photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import BadInput
from ...geo import Region
from ...photos.sphere import WHOLE, Extent
from ...types import Photo, Progress, Skipped, silent
from ..options import USUAL_OPTIONS, SourceOptions
from ..panorama_views import views_of_panorama
from ..source import Notes
from .area import MOST_KM2, Area
from .downloads import Downloads
from .options import ServiceOptions, in_period
from .selection import chosen
from .service import Item, Service


@dataclass(frozen=True, slots=True)
class Listed:
    """What a service lists: the pictures to take, the address of every picture, and what cannot be used."""

    items: list[Item]
    addresses: frozenset[str]
    skipped: list[Skipped] = field(default_factory=list)

    def photos(self, reading: SourceOptions = USUAL_OPTIONS) -> int:
        """The number of photos in a map, where a panorama becomes several."""
        return sum(photo_count(item, reading) for item in self.items)


class ServiceSource:
    """The pictures of a service in an area. They are listed once, when they are first needed."""

    def __init__(self, spec: str, service: Service, area: Area, options: ServiceOptions) -> None:
        self._spec = spec
        self.service, self.area, self.options = service, area, options
        self.downloads = Downloads(service)
        self.notes = Notes()
        self._listed: Listed | None = None

    @property
    def name(self) -> str:
        return self._spec

    @property
    def count(self) -> int | None:
        return None if self._listed is None else len(self._listed.items)

    def listed(self, progress: Progress = silent) -> Listed:
        """List the pictures, and choose among them.

        Raises:
            BadInput: the area is as large as a country.
            ServiceStopped: the service is down, or refuses the token.
        """
        if self._listed is None:
            self._listed = self._list(progress)
            self.downloads.expect({item.address: item for item in self._listed.items})
        return self._listed

    def prepare(self, progress: Progress) -> None:
        """Request the list; see `listed`."""
        self.listed(progress)

    def __iter__(self) -> Iterator[Photo | Skipped]:
        listed = self.listed()
        yield from listed.skipped
        for item in listed.items:
            yield photo_of(item)

    def is_panorama(self, photo: Photo) -> bool | None:
        """Whether a photo is a panorama; None if it is not one of this list."""
        item = self.downloads.item(photo.source)
        return None if item is None else item.panorama

    def extent(self, photo: Photo) -> Extent:
        """The part of the sphere that a panorama of this list shows."""
        item = self.downloads.item(photo.source)
        return WHOLE if item is None else item.extent

    def is_gone(self, photo: Photo) -> bool:
        """Whether a photo of a map would be listed if the service still had it, and is not."""
        listed = self.listed()
        return (
            self.service.lists(photo.source)
            and photo.source not in listed.addresses
            and self.area.contains(photo.position)
            and in_period(photo.taken_at, self.options.period)
            and photo.id.partition("#")[0] not in {each.id for each in listed.skipped}  # listed, but not usable now
        )

    @property
    def regions(self) -> tuple[Region, ...]:
        """Boxes that together hold every picture of the area."""
        return self.area.boxes

    def nothing_there(self) -> BadInput:
        """The error for an area without pictures, where there must be some."""
        period = " in this period" if self.options.period != (None, None) else ""
        return BadInput(
            f"{self.service.title} ({self.service.host}) has no pictures in {self.name}{period}. Choose another area."
        )

    def _list(self, progress: Progress) -> Listed:
        if self.area.km2 > MOST_KM2:
            raise BadInput(
                f"{self.name} is {self.area.km2:,.0f} km², as large as a country. It would take "
                f"{self.service.needs(self.area)}. Pass at most {MOST_KM2:,.0f} km² at a time: runs add to the map."
            )
        items, skipped = [], []
        for item in self.service.items(self.area, self.options.period):
            if isinstance(item, Skipped):
                skipped.append(item)
            else:
                items.append(item)
            progress(f"listing {self.service.title}", len(items), None)
        return Listed(chosen(items, self.options), frozenset(item.address for item in items), skipped)


def photo_of(item: Item) -> Photo:
    """The picture as a photo; a panorama is not cut into views yet."""
    return Photo(
        id=item.id,
        source=item.address,
        position=item.position,
        heading_deg=item.heading_deg,
        taken_at=item.taken_at,
        attribution=item.attribution,
        licence=item.licence,
        camera=item.camera,
    )


def photos_of(item: Item, reading: SourceOptions = USUAL_OPTIONS) -> list[Photo]:
    """The photos of a map that a picture becomes: one, or one for each view of a panorama."""
    photo = photo_of(item)
    if _is_used_whole(item, reading):
        return [photo]
    return views_of_panorama(photo, count=reading.views, extent=item.extent)


def _is_used_whole(item: Item, reading: SourceOptions) -> bool:
    return not item.panorama or reading.panorama == "no"


def photo_count(item: Item, reading: SourceOptions = USUAL_OPTIONS) -> int:
    """The number of photos that a picture becomes; 0 for a panorama that shows too little of the sphere."""
    if _is_used_whole(item, reading):
        return 1
    return reading.views if item.extent.is_whole else len(photos_of(item, reading))
