"""The facade: sources become a map, a photo becomes a fix. The one module that knows all the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import photos
from .embed.ingest import Added, Source, clear_away, ingest, nothing_usable, stream_of
from .embed.ray import Where, describer
from .errors import BadInput, UnknownModel
from .explain.assemble import Explainer, Recent, explained
from .geo import Region
from .locate import geometry
from .locate.calibrate import keep_calibrated
from .locate.confidence import PRIOR, Calibration
from .locate.query import MapContext, QueryOptions, Verify, ask, region_of
from .locate.verify import Verifier
from .models import catalogue
from .models.model import Model
from .photos import Readable
from .pois import with_nearby
from .pois.nearby import USUAL_REACH, Reach
from .search.open import open_search
from .search.search import Search
from .store.complete import require_complete
from .store.store import Address, ModelIdentity, Place, Store
from .types import Fix, Photo, Progress, Skipped, silent


class Map:
    """A map, and the answers it gives. Make one with `Map.build`, open one with `Map.open`."""

    def __init__(self, store: Store, *, model: Model | str | Path | None = None, progress: Progress = silent) -> None:
        self._store = store
        self._asked_model = model
        self._model: Model | None = None
        self._search: Search | None = None
        self._verifier: Verifier | None = None
        self._recent = Recent()
        self._progress = progress
        self.last_added = Added()
        self._wrote = False

    # ---- making and changing -------------------------------------------------------------

    @classmethod
    def build(
        cls,
        place: Place,
        *sources: Source,
        model: Model | str | Path | None = None,
        progress: Progress = silent,
        cluster: Where = None,
    ) -> Map:
        """Make a map, or go on with one that is there: photos it has already are not embedded again.

        Args:
            place: the map's file, or its URL, such as postgresql://host/db?map=city.
            sources: folders, manifests (CSV, GeoJSON, Parquet), photo files, or iterables of Photo | Skipped.
            model: a name of the catalogue, an .onnx file, or a Model; None for the default, or the map's own.
            progress: called with what is being done.
            cluster: where photos are embedded: an address of Ray; None for this machine.

        Returns:
            The map, open; `last_added` says what was added, skipped and why.

        Raises:
            BadInput: there are no photos, or none of them has a position.
            ModelMismatch: the map was built with another model.
            MapBusy: another process is writing it, where there can be only one.
        """
        stream = stream_of(sources)
        new = not Store.exists(place)
        if new:
            used = catalogue.given(model)
            writer = Store.create(place, ModelIdentity(used.name, used.fingerprint, used.dim))
        else:
            writer = Store.open(place, write=True)
        # One writer from here to the end: a map that was made and let go could be taken over by another process.
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(clear_away, writer, new)
            city = on_failure.enter_context(cls.open(place, model=used if new else model, progress=progress))
            city._add(stream, writer, on=cluster)
            if not len(city):
                raise nothing_usable(sources, city.last_added)
            on_failure.pop_all()
        writer.close()
        return city

    @classmethod
    def open(cls, place: Place, *, model: Model | str | Path | None = None, progress: Progress = silent) -> Map:
        """Open a map that exists, by its path or URL. The model is loaded when it is first needed.

        Raises:
            NotAMap: there is none, or it is something else, or of a newer viewfix.
        """
        return cls(require_complete(Store.open(place)), model=model, progress=progress)

    def add(self, *sources: Source, calibrate: bool = True, cluster: Where = None) -> Added:
        """Add photos. One with the same id and content is left alone, one whose content changed is replaced.

        Without `calibrate` the minute that it may take is left to whoever adds or removes next.
        """
        with Store.open(self.address, write=True) as writer:
            return self._add(stream_of(sources), writer, calibrate, cluster)

    def store_local_features(self) -> int:
        """Keep the local features of every photo in the map, of those to come too; how many could not be had.

        Verification then needs no photo files. About 35 KB a photo; a kill loses little, the same call goes on.
        """
        self._wrote = True
        with Store.open(self.address, write=True) as writer:
            return Verifier(writer).store_all(progress=self._progress)

    def remove(self, ids: Sequence[str], *, calibrate: bool = True) -> int:
        """Take photos out by id; returns how many there were. Ids that are not there are not an error."""
        self._wrote = True
        with Store.open(self.address, write=True) as writer:
            removed = writer.remove(ids)
            writer.forget_skipped(ids)
            self._refresh()
            if calibrate:
                self._calibrate(writer)
        return removed

    def _add(self, stream: Iterable[Photo | Skipped], store: Store, calibrate: bool = True, on: Where = None) -> Added:
        self._wrote = True
        self.last_added = ingest(stream, store, self.model, progress=self._progress, describe=describer(on))
        self._refresh()
        if (verifier := self._workings.verifier) is not None and verifier.cache.complete:
            Verifier(store).store_all(progress=self._progress)
        if calibrate:
            self._calibrate(store)
        return self.last_added

    def _calibrate(self, writer: Store) -> None:
        keep_calibrated(writer, self._searching(), self._workings.verifier, progress=self._progress)

    # ---- asking -------------------------------------------------------------------------

    def locate(  # noqa: PLR0913  the keywords of one question
        self,
        photo: Readable,
        *,
        k: int = 10,
        near: tuple[float, float, float] | None = None,
        box: tuple[float, float, float, float] | None = None,
        least_confidence: float | None = None,
        false_accepts: float | None = None,
        verify: Verify = "accurate",
        budget_ms: float | None = None,
        nearby: Reach = USUAL_REACH,
        explainable: bool = True,
    ) -> Fix:
        """Say where a photo was taken.

        Args:
            photo: a file's path or bytes, a PIL image, or an (H, W, 3) uint8 RGB array, upright.
            k: how many candidates to give as evidence, 1 or more.
            near: (lat, lon, radius_m): only photos of the map within that circle.
            box: (south, west, north, east) in degrees: only photos within it; crosses the
                180th meridian when west > east.
            least_confidence: below this probability, [0, 1], the answer is "not in this map"; None for 0.5.
            false_accepts: instead: at most this share, (0, 1), of photos from outside the map is to be answered.
            verify: how candidates are verified by local features where similarity leaves a doubt: "accurate"
                (LighterGlue), "fast" (nearest neighbours) or "off".
            budget_ms: what would take longer than this after the descriptor is not begun; None for no limit.
            nearby: which points of interest to name, where the map has some: by default 5 within 300 m.
            explainable: False keeps nothing of the photo, and the answer cannot be explained.

        Returns:
            A fix. One that is not found is an answer, not an error; its candidates are given too.
            Its `explain()` says and draws what it rests on.

        Raises:
            UnreadablePhoto: the query is not a picture.
            ModelMismatch: the model at hand is not the one the map was built with.
            BadInput: a value out of its range; a rate of false answers that this map cannot promise.
        """
        question = QueryOptions(k, region_of(near, box), least_confidence, false_accepts, verify, budget_ms)
        picture = photos.load(photo, least_side_px=self.model.least_side_px)
        [descriptor] = self.model.embed([picture])
        fix = ask(question, descriptor, self._workings, lambda: self._workings.features(photo)).fix
        if explainable:
            explainer = partial(explained, self._recent.keep(photo), question, descriptor, self._workings)
            fix = replace(fix, explainer=Explainer(explainer))
        return with_nearby(self._store, fix, nearby)

    def locate_descriptor(
        self,
        descriptor: np.ndarray,
        *,
        k: int = 10,
        region: Region | None = None,
        least_confidence: float | None = None,
        false_accepts: float | None = None,
    ) -> Fix:
        """As `locate`, from a (dim,) float32 descriptor of length 1 made by this map's model; nothing is verified."""
        return ask(QueryOptions(k, region, least_confidence, false_accepts, "off"), descriptor, self._workings).fix

    # ---- what is in it -------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._store)

    @property
    def address(self) -> Address:
        """Its path or URL; as a string it shows no password."""
        return self._store.address

    @property
    def path(self) -> Path:
        """The file that it is; BadInput where it is none."""
        if (file := self.address.file) is None:
            raise BadInput(f"{self.address} is a map, but no file. Ask for its address instead of its path.")
        return file

    @property
    def store(self) -> Store:
        """The truth on disk, for export and statistics."""
        return self._store

    @property
    def calibration(self) -> Calibration:
        stored = self._store.meta("calibration")
        return Calibration.from_json(stored) if stored else PRIOR

    @property
    def model(self) -> Model:
        """The model of this map, one core a picture: more are used by asking from more threads.

        Measured: a second core for one picture saves little when idle, and costs twice the time when busy.

        Raises:
            ModelMismatch: see `Map.locate`.
        """
        if self._model is None:
            try:
                self._model = self._own_model()
            except UnknownModel as error:
                if self._asked_model is not None:
                    raise
                raise UnknownModel(
                    f"The map {self.address} was built with {self._store.model.name}, a model of somebody's own. "
                    "Give its file: --model FILE.onnx"
                ) from error
        return self._model

    def photos(self) -> Iterator[Photo]:
        """Every photo of the map, in the order in which they were added."""
        return self._store.all_photos()

    def info(self) -> dict[str, Any]:
        """Counts, model, calibration and sizes, ready for JSON."""
        return self._store.info()

    def close(self) -> None:
        if self._search is not None:
            self._search.close()
            self._search = None
        self._store.close()
        if self._wrote:
            self._wrote = False
            self._store.tidy()

    def __enter__(self) -> Map:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- within --------------------------------------------------------------------------

    def _own_model(self) -> Model:
        own = self._store.model
        model = catalogue.given(self._asked_model or self._store.model_file(own) or own.name)
        own.check(model.name, model.fingerprint, str(self.address))
        return model

    def _searching(self) -> Search:
        if self._search is None:
            self._search = open_search(self._store, progress=self._progress)
        return self._search

    @property
    def _workings(self) -> MapContext:
        if self._verifier is None and geometry.available():
            self._verifier = Verifier(self._store)
        return MapContext(self._store, self._searching(), self.calibration, self._verifier)

    def _refresh(self) -> None:
        self._searching().refresh()
