"""The facade: build a map from photos, and ask it where a photo was taken. The one module that knows all the others."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from . import photos
from .coverage import SAMPLE, Coverage, survey
from .embed.ingest import Added, discard_if_empty, ingest, nothing_usable
from .embed.ray import Where, describer
from .errors import BadInput, UnknownModel, UnreadablePhoto
from .explain.assemble import explain
from .explain.explanation import Explanation
from .geo import Region
from .locate import geometry
from .locate.calibrate import keep_calibrated
from .locate.confidence import PRIOR, Calibration
from .locate.context import MapContext
from .locate.evidence import Evidence
from .locate.many import in_order
from .locate.options import CANDIDATES, LocateOptions, QueryOptions, Verify, query_options, region_of
from .locate.query import Query, answer, gather
from .locate.verify import Verifier
from .models import catalogue
from .models.model import Model
from .pack import Packed, PackOptions, pack
from .photos import Readable
from .pois import with_nearby
from .pois.nearby import USUAL_REACH, Reach
from .search.open import Search, open_search
from .sources import Given, Prefer, open_sources
from .store.complete import require_complete
from .store.export import export
from .store.open import open_or_create
from .store.points import Points
from .store.store import Address, ModelIdentity, Place, Store
from .types import Fix, Photo, Progress, Skipped, silent


class Map:
    """A map and the answers it gives. Make one with `Map.build`, open one with `Map.open`."""

    def __init__(self, store: Store, *, model: Model | str | Path | None = None, progress: Progress = silent) -> None:
        self._store = store
        self._asked_model = model
        self._model: Model | None = None
        self._search: Search | None = None
        self._verifier: Verifier | None = None
        self._progress = progress
        self.last_added = Added()
        self._wrote = False

    # Building and changing

    @classmethod
    def build(
        cls,
        place: Place,
        *sources: Given,
        model: Model | str | Path | None = None,
        prefer: Prefer = "sidecar",
        progress: Progress = silent,
        cluster: Where = None,
    ) -> Map:
        """Make a map, or continue one: photos that it has already are not embedded again.

        Args:
            place: the map's file, or its URL, such as postgresql://host/db?map=city.
            sources: folders, manifests (CSV, GeoJSON, Parquet), photo files, patterns such as "*.jpg", lists of
                these (a glob result), files that were opened from a path, or iterables of Photo | Skipped.
            model: a name of the catalogue, an .onnx file, or a Model; None for the default, or the map's own.
            prefer: which position counts where a photo and its sidecar disagree: "sidecar" or "exif".
            progress: called with the current step.
            cluster: where photos are embedded: the address of a Ray cluster; None for this machine.

        Returns:
            The map, open; `last_added` counts what was added, and names what was skipped and why.

        Raises:
            BadInput: there are no photos, or none of them has a position.
            ModelMismatch: the map was built with another model.
            MapBusy: another process is writing it, where there can be only one.
        """
        stream = open_sources(sources, prefer=prefer)
        used, new = None, not Store.exists(place)
        if new:
            used = catalogue.given(model)
            writer, new = open_or_create(place, ModelIdentity(used.name, used.fingerprint, used.dim))
        else:
            writer = Store.open(place, write=True)
        # One writer from here to the end: a map that was made and released could be taken over by another process.
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(discard_if_empty, writer, new)
            city = on_failure.enter_context(
                cls.open(place, model=used if used is not None else model, progress=progress)
            )
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

    def add(self, *sources: Given, prefer: Prefer = "sidecar", calibrate: bool = True, cluster: Where = None) -> Added:
        """Add photos. One with the same id and content is left alone, one whose content changed is replaced.

        Without `calibrate`, the minute that it may take is left to the next call that adds or removes.
        """
        with Store.open(self.address, write=True) as writer:
            return self._add(open_sources(sources, prefer=prefer), writer, calibrate, cluster)

    def store_local_features(self) -> int:
        """Store the local features of every photo in the map, later ones too; returns how many could not be had.

        Verification then needs no photo files. About 35 KB a photo; after a kill, the same call goes on.
        """
        self._wrote = True
        with Store.open(self.address, write=True) as writer:
            return Verifier(writer).store_all(progress=self._progress)

    def remove(self, ids: Sequence[str], *, calibrate: bool = True) -> int:
        """Remove photos by id; returns how many there were. Ids that are not in the map are not an error."""
        if isinstance(ids, str):
            raise BadInput(f"ids is the text {ids!r}. Pass a list of ids: [{ids!r}]")
        self._wrote = True
        with Store.open(self.address, write=True) as writer:
            removed = writer.remove(ids)
            writer.forget_skipped(ids)
            self._searching().refresh()
            if calibrate:
                self._calibrate(writer)
        return removed

    def _add(self, stream: Iterable[Photo | Skipped], store: Store, calibrate: bool = True, on: Where = None) -> Added:
        self._wrote = True
        self.last_added = ingest(stream, store, self.model, progress=self._progress, describe=describer(on))
        self._searching().refresh()
        if (verifier := self.context.verifier) is not None and verifier.features.cache.complete:
            Verifier(store).store_all(progress=self._progress)
        if calibrate:
            self._calibrate(store)
        return self.last_added

    def _calibrate(self, writer: Store) -> None:
        keep_calibrated(writer, self._searching(), self.context.verifier, progress=self._progress)

    # Locating

    def locate(  # noqa: PLR0913  the keywords of one query
        self,
        photo: Readable,
        *,
        k: int = CANDIDATES,
        near: Sequence[float] | None = None,
        box: Sequence[float] | None = None,
        least_confidence: float | None = None,
        false_accepts: float | None = None,
        verify: Verify = "accurate",
        budget_ms: float | None = None,
        nearby: Reach = USUAL_REACH,
    ) -> Fix:
        """Say where a photo was taken.

        Args:
            photo: a file's path or bytes, a PIL image, or an (H, W, 3) uint8 RGB array, upright.
            k: how many candidates to return as evidence, 1 or more.
            near: (lat, lon) or (lat, lon, radius_m): only photos of the map within that circle, of 500 m if no radius
                is passed.
            box: (south, west, north, east) in degrees: only photos within it; crosses the
                180th meridian when west > east.
            least_confidence: below this probability, [0, 1], the answer is "not in this map"; None for 0.5.
            false_accepts: instead: at most this share, (0, 1), of photos from outside the map is to be answered.
            verify: how candidates are verified by local features where similarity leaves a doubt: "accurate"
                (LighterGlue), "fast" (nearest neighbours) or "off".
            budget_ms: verification that would end later than this after the descriptor is not begun; None for no
                limit.
            nearby: which points of interest to name, where the map has some: by default 5 within 300 m.

        Returns:
            A fix. One that is not found is an answer, not an error; it has candidates too.

        Raises:
            UnreadablePhoto: the query is not a picture.
            ModelMismatch: the model is not the one that the map was built with.
            BadInput: a value out of its range; a rate of false answers that this map cannot promise.
        """
        options = QueryOptions(k, region_of(near, box), least_confidence, false_accepts, verify, budget_ms)
        query = self._query(photo)
        fix = answer(query, options, self.context)
        return with_nearby(self._store, fix, nearby)

    def locate_all(
        self, photos: Iterable[Readable], **options: Unpack[LocateOptions]
    ) -> Iterator[tuple[Readable, Fix | Skipped]]:
        """Locate many photos on all cores; each photo with its answer, in order.

        Args:
            photos: as for `locate`; read as the answers are consumed, a few ahead.
            options: the keywords of `locate`.

        Returns:
            Pairs of the photo and its fix; Skipped, with the reason, for one that cannot be read.
        """
        made = query_options(**options)
        self.context  # noqa: B018  open the search and the model once, here, before the threads

        def one(photo: Readable) -> Fix | Skipped:
            try:
                return with_nearby(self._store, answer(self._query(photo), made, self.context), USUAL_REACH)
            except UnreadablePhoto as error:
                return Skipped(str(photo) if isinstance(photo, str | Path) else "the photo", str(error))

        return in_order(photos, one, self._progress)

    def locate_descriptor(
        self,
        descriptor: npt.NDArray[np.float32],
        *,
        k: int = CANDIDATES,
        region: Region | None = None,
        least_confidence: float | None = None,
        false_accepts: float | None = None,
    ) -> Fix:
        """As `locate`, from a (dim,) float32 descriptor of length 1 made by this map's model; nothing is verified."""
        options = QueryOptions(k, region, least_confidence, false_accepts, "off")
        return answer(Query(descriptor), options, self.context)

    def evidence(self, photo: Readable, *, places: int = 20, **options: Unpack[LocateOptions]) -> Evidence:
        """What a photo says about each place of the map, before anything is decided.

        Args:
            photo: as for `locate`.
            places: how many places to weigh at most.
            options: the keywords of `locate`.
        """
        return gather(self._query(photo), query_options(**options), self.context, places=places)

    def explain(self, photo: Readable, **options: Unpack[LocateOptions]) -> Explanation:
        """Answer a photo and show what the answer rests on: `city.explain("a.jpg").save("why.html")`.

        Takes the keywords of `locate`. In a notebook the explanation shows itself.
        """
        return explain(self._query(photo), query_options(**options), self.context)

    # Contents

    def __len__(self) -> int:
        return len(self._store)

    @property
    def address(self) -> Address:
        """Its path or URL; as a string it shows no password."""
        return self._store.address

    @property
    def path(self) -> Path:
        """The map's file.

        Raises:
            BadInput: the map is not a file but in a database.
        """
        if (file := self.address.file) is None:
            raise BadInput(f"{self.address} is a map in a database, not a file. Use its `address` instead of `path`.")
        return file

    @property
    def store(self) -> Store:
        """The stored truth, for statistics and for tools over whole maps."""
        return self._store

    @property
    def points(self) -> Points:
        """The points of interest in the map."""
        return self._store.points

    @property
    def calibration(self) -> Calibration:
        """What the map's own photos taught about the probability; the shipped prior where there is none yet."""
        stored = self._store.meta("calibration")
        return Calibration.from_json(stored) if stored else PRIOR

    @property
    def model(self) -> Model:
        """The model of this map, one core a picture: use more threads for more cores.

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
                    f"The map {self.address} was built with {self._store.model.name}, a custom model. "
                    "Pass it with --model FILE.onnx"
                ) from error
        return self._model

    @property
    def context(self) -> MapContext:
        """The parts of the map that answer a query."""
        if self._verifier is None and geometry.available():
            self._verifier = Verifier(self._store)
        return MapContext(self._store, self._searching(), self.calibration, self._verifier)

    def photos(self) -> Iterator[Photo]:
        """Every photo of the map, in the order in which they were added."""
        return self._store.all_photos()

    def info(self) -> dict[str, Any]:
        """Counts, model, calibration and sizes, ready for JSON."""
        return self._store.info()

    def export(self, path: str | Path, *, form: str | None = None) -> list[Path]:
        """Write the photos of the map for other programs; returns the files written.

        Args:
            path: ends in .geojson, .csv, .parquet (with descriptors), .kml or .gpx, or is a folder for the projector.
            form: the format, where the ending does not say it.
        """
        return export(self._store, Path(path), form=form, progress=self._progress)

    def pack(self, folder: str | Path, options: PackOptions | None = None) -> Packed:
        """Write the map as an app of static files that finds photos on a phone without a network."""
        return pack(self._store, self.model, self.calibration, Path(folder), options, progress=self._progress)

    def coverage(self, *, sample: int = SAMPLE, seed: int = 0) -> Coverage:
        """Where the map would find photos, where not, and what to photograph next.

        Args:
            sample: how many photos are left out, one after the other, and looked for.
            seed: chooses them, where the map has more.
        """
        return survey(self.context, sample=sample, seed=seed, progress=self._progress)

    def __repr__(self) -> str:
        return f"<Map {self.address}: {len(self)} photos, {self._store.model.name}>"

    def _repr_html_(self) -> str:
        """For notebooks: what is in the map."""
        facts = {"photos": len(self), "model": self._store.model.name, "made": f"{self._store.created_at:%Y-%m-%d}"}
        rows = "".join(f"<tr><th>{name}<td>{html.escape(str(value))}" for name, value in facts.items())
        return f"<p><b>{html.escape(str(self.address))}</b></p><table>{rows}</table>"

    def close(self) -> None:
        """Release the map's files and connections. Closing twice is allowed."""
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

    # Internals

    def _query(self, photo: Readable) -> Query:
        picture = photos.load(photo, least_side_px=self.model.least_side_px)
        [descriptor] = self.model.embed([picture])
        return Query(descriptor, photo)

    def _own_model(self) -> Model:
        own = self._store.model
        model = catalogue.given(self._asked_model or self._store.model_file(own) or own.name)
        own.check(model.name, model.fingerprint, str(self.address))
        return model

    def _searching(self) -> Search:
        if self._search is None:
            self._search = open_search(self._store, progress=self._progress)
        return self._search
