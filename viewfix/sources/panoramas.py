"""Panoramas as sources: each becomes several photos, one for each view that is cut out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UnreadablePhoto
from ..photos import is_url
from ..photos.panoramas import panoramic
from ..photos.sphere import WHOLE
from ..types import Photo, Skipped
from .folder import Prefer
from .open import open_sources
from .options import USUAL_OPTIONS, SourceOptions
from .panorama_views import TOO_LITTLE, question, views_of_panorama
from .paths import Given
from .source import MOST_NOTES, Notes, Source, name_of, notes_of, remotes_of


@dataclass(frozen=True)
class Panoramas:
    """A source whose panoramas are replaced by their views. Other photos pass through."""

    source: Source
    options: SourceOptions
    own_notes: Notes = field(default_factory=Notes, compare=False)

    @property
    def count(self) -> int | None:
        """The number of files: how many of them are panoramas is not known before they are read."""
        return self.source.count

    @property
    def name(self) -> str | None:
        return name_of(self.source)

    @property
    def notes(self) -> Notes:
        theirs = notes_of(self.source)
        return Notes([*theirs.kept, *self.own_notes.kept][:MOST_NOTES], theirs.count + self.own_notes.count)

    def __iter__(self) -> Iterator[Photo | Skipped]:
        self.own_notes.clear()
        for item in self.source:
            if isinstance(item, Skipped) or item.view is not None or self.options.panorama == "no":
                yield item
            else:
                yield from self._views(item)

    def _views(self, photo: Photo) -> Iterator[Photo | Skipped]:
        if is_url(photo.source):  # nothing is fetched only to find out what it is
            yield from self._remote_views(photo)
            return
        try:
            found = panoramic(Path(photo.source))
        except UnreadablePhoto:
            yield photo  # describing it skips it with the reason
            return
        if found.is_told or (self.options.panorama == "yes" and found.extent is not None):
            assert found.extent is not None, "a picture that tells its extent has one"
            views = views_of_panorama(photo, count=self.options.views, extent=found.extent)
            if photo.heading_deg is None and views:
                self.own_notes.add(
                    f"{photo.id}: its metadata does not say where the panorama looks, so its views have no heading"
                )
            yield from views
            if not views:
                yield Skipped(photo.id, TOO_LITTLE)
        elif found.is_likely:
            yield Skipped(photo.id, question(found.width_px, found.height_px))
        else:
            yield photo

    def _remote_views(self, photo: Photo) -> Iterator[Photo | Skipped]:
        """The views of a picture that is named by a URL, by what its service says about it."""
        known = next((each for each in remotes_of(self.source) if each.is_panorama(photo) is not None), None)
        is_one = self.options.panorama == "yes" if known is None else known.is_panorama(photo)
        if not is_one:
            yield photo
            return
        extent = WHOLE if known is None else known.extent(photo)
        views = views_of_panorama(photo, count=self.options.views, extent=extent)
        yield from views
        if not views:
            yield Skipped(photo.id, TOO_LITTLE)


def open_for_map(given: Given, *, prefer: Prefer = "sidecar", options: SourceOptions = USUAL_OPTIONS) -> Panoramas:
    """Open sources as one, with panoramas cut into views. Arguments and errors as for `open_sources`."""
    return Panoramas(open_sources(given, prefer=prefer, options=options), options)
