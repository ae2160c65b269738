"""The parts of an open map that tracks use: search, places, headings, and photos to compare each frame with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import BadInput
from ..locate.views import describe_query
from ..models.catalogue import DEFAULT
from ..models.model import Model
from ..photos import Readable
from ..search.indexed import EXACT_BELOW
from ..search.search import Search
from ..store.records import Version
from ..store.store import Store
from .look import NO_LOOK, Descriptor, Look
from .model import OTHER, SHIPPED, TrackModel
from .modes import Mode
from .observe import Sight, sight
from .places import Floats, Ints, Places

CANDIDATES = 100
"""The number of the most similar photos that are weighed for each frame."""

REFERENCE = 512
"""The number of photos, spread over the map, that show how similar a frame is to any photo at all."""

WIDE_CANDIDATES = 400
"""The number of photos of a large map among which those are found."""

SHOWN = 20
"""The number of photos of which the cosines with the frame itself are computed, and returned."""

META_KEY = "track"
"""Where a map stores a track model that was fitted for it."""


class TrackContext:
    """What tracks on one map share. Any number of threads and tracks may use it."""

    def __init__(self, store: Store, search: Callable[[], Search], model: Callable[[], Model]) -> None:
        self.store = store
        self._search, self._describing = search, model
        self._lock = threading.Lock()
        self._version: Version | None = None
        self._positions: tuple[Ints, Floats, Floats] | None = None
        self._places: dict[str, Places] = {}
        self._headings: dict[int, float] = {}
        self._reference = np.empty((0, 0), np.float32)
        self._model = OTHER

    @property
    def map_id(self) -> str:
        """The id of the map."""
        return self.store.map_id

    @property
    def model(self) -> TrackModel:
        """The fitted numbers of this map, or the shipped ones."""
        self._refresh()
        return self._model

    def places(self, mode: Mode) -> Places:
        """The places of the map for a mode of travel.

        Raises:
            BadInput: the map is empty.
        """
        self._refresh()
        if self._positions is None or not len(self._positions[0]):
            raise BadInput(f"{self.store.address} has no photos, so nothing can be tracked on it. Add photos first.")
        with self._lock:
            if mode.name not in self._places:
                self._places[mode.name] = Places.of(*self._positions, mode.cell_m)
            return self._places[mode.name]

    def describe(self, photo: Readable) -> Descriptor:
        """The (dim,) float32 descriptor of a frame. A panorama is taken as the picture that it is."""
        return describe_query(photo, self._describing(), "no").descriptor

    def sight(self, descriptor: Descriptor, places: Places, look: Look = NO_LOOK) -> tuple[Sight, Ints, Floats]:
        """Compare a (dim,) float32 descriptor of length 1 with the map.

        Args:
            descriptor: that of the frame.
            places: the places of the map.
            look: what the frames of the track have in common.

        Returns:
            The sight; and the rows, (k,) int64, and cosines, (k,) float64, of the SHOWN photos that stand out most.
        """
        centred = look.centred(descriptor)
        rows, cosines = self._nearest(descriptor, centred)
        of = places.places_of_rows(rows)
        rows, similarities, of = rows[of >= 0], cosines[of >= 0], of[of >= 0]
        if not len(rows):
            raise BadInput(f"{self.store.address} has changed while it was tracked. Begin the track again.")
        itself = similarities[:SHOWN]
        if centred is not descriptor:
            shown, photos = self.store.present(rows[:SHOWN])
            if len(shown) < min(len(rows), SHOWN):
                raise BadInput(f"{self.store.address} has changed while it was tracked. Begin the track again.")
            itself = (photos @ descriptor).astype(np.float64)
        reference = (self._reference @ centred).astype(np.float64)
        compared = sight(of, self._headings_deg(rows.tolist()), similarities, reference, itself)
        return compared, rows[:SHOWN], itself

    def _nearest(self, descriptor: Descriptor, centred: Descriptor) -> tuple[Ints, Floats]:
        """The rows and cosines of the photos that are most similar to a descriptor without its usual look, best first.

        The index of a large map finds what is similar to photographs, so it is asked for the frame as it is.
        """
        if centred is descriptor or len(self.store) <= EXACT_BELOW:
            nearest, found = self._search().nearest(centred, CANDIDATES)
            return nearest, found.astype(np.float64)
        rows, photos = self.store.present(self._search().nearest(descriptor, WIDE_CANDIDATES)[0])
        cosines: Floats = (photos @ centred).astype(np.float64)
        best = np.argsort(-cosines, kind="stable")[:CANDIDATES]
        return rows[best], cosines[best]

    def _usual(self) -> TrackModel:
        return SHIPPED if self.store.model.name == DEFAULT else OTHER

    def _headings_deg(self, rows: Sequence[int]) -> Floats:
        missing = [row for row in rows if row not in self._headings]
        if missing:
            photos = self.store.photos(missing)
            found = self.store.rows_of([photo.id for photo in photos])
            for photo in photos:
                if photo.id in found:
                    self._headings[found[photo.id]] = np.nan if photo.heading_deg is None else photo.heading_deg
        return np.array([self._headings.get(row, np.nan) for row in rows])

    def _refresh(self) -> None:
        """Read the positions again if the map has changed."""
        version = self.store.version
        with self._lock:
            if version == self._version:
                return
            self._positions = self.store.positions()
            self._places, self._headings = {}, {}
            rows = self._positions[0]
            chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), REFERENCE)).astype(np.int64))]
            self._reference = self.store.descriptors(chosen) if len(chosen) else np.empty((0, 0), np.float32)
            stored = self.store.meta(META_KEY)
            self._model = TrackModel.from_json(stored) if stored else self._usual()
            self._version = version
