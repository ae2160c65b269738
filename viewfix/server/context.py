"""What routes need: the maps, the settings, the workers. Made once for an application; nothing is global."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from ..basemap import Basemap
from ..blur import Blur
from .access import Access
from .health import Health
from .kept_queries import KeptQueries
from .metrics import Metrics
from .overview import Overview
from .registry import MapRegistry
from .settings import Settings
from .thumbnails import Thumbnailer
from .uploads import Receiver
from .workers import Workers
from .writer import PhotoWriter

READERS = 16
"""Threads for requests that are not about an uploaded photo; they wait for disks and databases."""


@dataclass(slots=True)
class Context:
    """The parts of one application. `locators` answer photos; `readers` do everything else that may wait."""

    maps: MapRegistry
    settings: Settings
    locators: Workers
    readers: Workers
    receiver: Receiver
    metrics: Metrics
    health: Health
    thumbnailer: Thumbnailer
    access: Access
    writer: PhotoWriter | None = None
    kept_queries: KeptQueries | None = None
    overviews: dict[str, Overview] = field(default_factory=dict)
    basemaps: dict[str, tuple[str | None, Basemap | None]] = field(default_factory=dict)
    is_draining: bool = False

    @classmethod
    def of(cls, maps: MapRegistry, settings: Settings) -> Context:
        locators = Workers("locate", settings.workers, settings.waiting, settings.answer_s)
        readers = Workers("read", READERS, settings.waiting, settings.answer_s)
        receiver = Receiver(settings.most_bytes, settings.most_buffered_bytes, settings.upload_s)
        folder = settings.photos_folder if settings.write else None
        return cls(
            maps,
            settings,
            locators,
            readers,
            receiver,
            Metrics(maps, locators, receiver),
            Health(maps, settings.probe_s),
            Thumbnailer(settings.thumbnails, blur=Blur.of_any(settings.blur)),
            Access(settings),
            PhotoWriter(maps, folder, settings.most_pixels) if folder else None,
            KeptQueries(settings.keep_queries) if settings.keep_queries else None,
        )

    def close(self) -> None:
        """Begin nothing new, and close the maps once the last request is done with them."""
        self.locators.close()
        self.readers.close()
        self.health.close()
        if self.writer is not None:
            self.writer.close()
        self.maps.close()


def context_of(request: HTTPConnection) -> Context:
    context: Context = request.app.state.context
    return context
