"""The facade of the package: build a map from photos, and find out where a photo was taken."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from .align import Alignment, plan_alignment
from .basemap import Basemap, basemap_of, with_basemap
from .blur import Blur
from .coverage import SAMPLE, Coverage, survey
from .embed.ingest import Added, discard_if_empty, ingest, nothing_usable
from .embed.ray import Where, describer
from .errors import BadInput, UnknownModel, UnreadablePhoto
from .explain.assemble import explain
from .explain.explanation import Explanation
from .geo import Region
from .geotag import USUAL_OPTIONS as USUAL_GEOTAG
from .geotag import GeotagOptions, GeotagPlan, plan_geotags
from .locate import geometry
from .locate.calibrate import keep_calibrated
from .locate.confidence import PRIOR, Calibration
from .locate.context import MapContext
from .locate.evidence import Evidence
from .locate.many import in_order
from .locate.options import CANDIDATES, LocateOptions, QueryOptions, Verify, query_options, region_of
from .locate.query import Query, answer, gather, locate
from .locate.verify import Verifier
from .locate.views import describe_query
from .models import catalogue
from .models.model import Model
from .pack import Packed, PackOptions, pack
from .photos import Readable
from .pois import with_nearby
from .pois.nearby import USUAL_REACH, Reach
from .pois.upcoming import USUAL_AHEAD, Ahead, Belief, Upcoming, upcoming
from .roads.endpoints import Endpoint, RouteOptions, route_between
from .roads.route import Route
from .roads.router import Router
from .search.open import Search, open_search
from .sources import USUAL_OPTIONS, Given, PanoramaMode, Prefer, SourceOptions, open_for_map
from .store.complete import require_complete
from .store.export import export
from .store.open import open_or_create
from .store.points import Points
from .store.store import Address, ModelIdentity, Place, Store
from .thin import RECALL_BUDGET, Thinning, plan_thinning
from .track.context import TrackContext
from .track.track import Track
from .types import Fix, Photo, Progress, Skipped, silent


class Map:
    """A map of geotagged photos. Build one with `Map.build`, or open one with `Map.open`."""

    def __init__(self, store: Store, *, model: Model | str | Path | None = None, progress: Progress = silent) -> None:
        self._store = store
        self._requested_model = model
        self._model: Model | None = None
        self._search: Search | None = None
        self._verifier: Verifier | None = None
        self.tracking = TrackContext(store, self._searching, lambda: self.model)
        self.router = Router(store)
        self._progress = progress
        self.last_added = Added()
        self._wrote = False

    # Building and changing

    @classmethod
    def build(  # noqa: PLR0913  the keywords of one build
        cls,
        place: Place,
        *sources: Given,
        model: Model | str | Path | None = None,
        prefer: Prefer = "sidecar",
        progress: Progress = silent,
        cluster: Where = None,
        options: SourceOptions = USUAL_OPTIONS,
        local_features: bool = False,
    ) -> Map:
        """Build a map, or continue one. Photos that are already in the map are not embedded again.

        Args:
            place: the map's file, or its URL, such as postgresql://host/db?map=city.
            sources: folders, manifests (CSV, GeoJSON, Parquet), photo files, patterns such as "*.jpg", lists of
                these (a glob result), files that were opened from a path, or iterables of Photo | Skipped.
            model: a name from the catalogue, an .onnx file, or a Model; None for the map's own, or for the default.
            prefer: which position to use if a photo and its sidecar disagree: "sidecar" or "exif".
            progress: called with the current stage, the number done, and the total.
            cluster: the address of a Ray cluster to embed on; None for this machine.
            options: which pictures are panoramas, and into how many views to cut them.
            local_features: see `store_local_features`; the pictures of a service are not downloaded again for them.

        Returns:
            The open map. Its `last_added` has the counts, and the skipped photos with their reasons.

        Raises:
            BadInput: there are no photos, or none of them has a position.
            ModelMismatch: the map was built with another model.
            MapBusy: another process is writing the map, and its engine allows only one writer.
        """
        stream = open_for_map(sources, prefer=prefer, options=options)
        used, new = None, not Store.exists(place)
        if new:
            used = catalogue.given(model)
            writer, new = open_or_create(place, ModelIdentity(used.name, used.fingerprint, used.dim))
        else:
            writer = Store.open(place, write=True)
        # Keep one writer open to the end: between two writers, another process could take over the new map.
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(discard_if_empty, writer, new)
            city = on_failure.enter_context(
                cls.open(place, model=used if used is not None else model, progress=progress)
            )
            if local_features:
                Verifier(writer).features.cache.keep_all({})
            city._add(stream, writer, on=cluster)
            if not len(city):
                raise nothing_usable(sources, city.last_added)
            on_failure.pop_all()
        writer.close()
        return city

    @classmethod
    def open(cls, place: Place, *, model: Model | str | Path | None = None, progress: Progress = silent) -> Map:
        """Open an existing map by its path or URL. The model is loaded when it is first needed.

        Raises:
            NotAMap: there is no map, the file is something else, or a newer viewfix wrote it.
        """
        return cls(require_complete(Store.open(place)), model=model, progress=progress)

    def add(
        self,
        *sources: Given,
        prefer: Prefer = "sidecar",
        calibrate: bool = True,
        cluster: Where = None,
        options: SourceOptions = USUAL_OPTIONS,
    ) -> Added:
        """Add photos. A photo with the same id and content is left alone; one whose content changed is replaced.

        Takes the arguments of `Map.build`, and raises the same errors. Calibration may take a minute; with
        `calibrate=False` it is left to the next call that adds or removes photos.
        """
        with Store.open(self.address, write=True) as writer:
            return self._add(open_for_map(sources, prefer=prefer, options=options), writer, calibrate, cluster)

    def store_local_features(self) -> int:
        """Store the local features of every photo in the map, and of every photo added later.

        Verification then needs no photo files. Each photo takes about 35 KB. If the call is interrupted, call it again
        to continue. Returns the number of photos whose features could not be computed.
        """
        self._wrote = True
        with Store.open(self.address, write=True) as writer:
            return Verifier(writer).store_all(progress=self._progress)

    def remove(self, ids: Sequence[str], *, calibrate: bool = True) -> int:
        """Remove photos by id. Returns the number removed; unknown ids are ignored."""
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
        features = Verifier(store).features
        keep = features.store if geometry.available() and features.cache.complete else None
        report, describe = self._progress, describer(on)
        self.last_added = ingest(stream, store, self.model, progress=report, describe=describe, keep=keep)
        self._searching().refresh()
        if keep is not None:
            features.store_all(progress=self._progress)
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
        panorama: PanoramaMode = "ask",
        nearby: Reach = USUAL_REACH,
    ) -> Fix:
        """Say where a photo was taken.

        Args:
            photo: a file's path or bytes, a PIL image, or an (H, W, 3) uint8 RGB array, upright.
            k: the number of candidates to return as evidence, 1 or more.
            near: (lat, lon) or (lat, lon, radius_m): use only photos within this circle, of 500 m by default.
            box: (south, west, north, east) in degrees: use only photos within this box, which crosses the 180th
                meridian if west > east.
            least_confidence: below this probability, [0, 1], the answer is "not in this map"; None for 0.5.
            false_accepts: an alternative to `least_confidence`: the largest share, (0, 1), of photos from outside the
                map that may get a position.
            verify: how to verify candidates by local features if similarity leaves a doubt: "accurate" (LighterGlue),
                "fast" (nearest neighbours) or "off".
            budget_ms: start no verification that would end later than this, in milliseconds, after the photo was
                described; None for no limit.
            panorama: whether the photo is a panorama, of which every view is asked: "yes", "no", or "ask" for what its
                metadata says. The heading of the fix is that of its centre.
            nearby: which points of interest to name, if the map has any. By default up to 5 within 300 m.

        Returns:
            A fix. "Not in this map" is an answer, not an error; it has candidates too.

        Raises:
            UnreadablePhoto: the query is not a picture that can be decoded.
            ModelMismatch: the model is not the one that the map was built with.
            BadInput: a value is out of range, or this map cannot guarantee the rate in `false_accepts`.
        """
        region = region_of(near, box)
        options = QueryOptions(k, region, least_confidence, false_accepts, verify, budget_ms, panorama)
        fix = locate(lambda: self._query(photo, options), options, self.context)
        return with_nearby(self._store, fix, nearby)

    def locate_all(
        self, photos: Iterable[Readable], **options: Unpack[LocateOptions]
    ) -> Iterator[tuple[Readable, Fix | Skipped]]:
        """Locate many photos on all cores.

        Args:
            photos: as for `locate`; read as the answers are consumed, a few ahead.
            options: the keywords of `locate`.

        Returns:
            Pairs of a photo and its fix, in order; a Skipped, with the reason, for a photo that cannot be read.
        """
        made = query_options(**options)
        self.context  # noqa: B018  open the search and the model once, here, before the threads

        def one(photo: Readable) -> Fix | Skipped:
            try:
                fix = locate(lambda: self._query(photo, made), made, self.context)
                return with_nearby(self._store, fix, USUAL_REACH)
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
        """Locate by a (dim,) float32 descriptor of length 1 from this map's model, without verification."""
        options = QueryOptions(k, region, least_confidence, false_accepts, "off")
        return answer(Query(descriptor), options, self.context)

    def track(self, *, mode: str = "auto", state: bytes | None = None) -> Track:
        """Follow a moving camera, from frame to frame; see `Track`. `state` continues a track that was saved."""
        return Track(self.tracking, mode=mode, state=state)

    def geotag(self, *folders: str | Path, options: GeotagOptions = USUAL_GEOTAG) -> GeotagPlan:
        """Find where the photos of folders were taken, in the order of time. `write` of the result writes it.

        Nothing is written before. What was found is kept in a cache, so that a run that was killed goes on. BadInput
        tells of a folder without photos.
        """
        parts = self.context, self.tracking, self.model
        return plan_geotags(*parts, folders, options=options, progress=self._progress)

    def evidence(self, photo: Readable, *, places: int = 20, **options: Unpack[LocateOptions]) -> Evidence:
        """Gather the evidence for the most likely `places` of the map, without deciding. Keywords as of `locate`."""
        made = query_options(**options)
        return gather(self._query(photo, made), made, self.context, places=places)

    def explain(self, photo: Readable, *, blur: Blur | None = None, **options: Unpack[LocateOptions]) -> Explanation:
        """Locate a photo and explain the answer: `city.explain("a.jpg").save("why.html")`.

        Takes the keywords of `locate`, and raises the same errors. A notebook displays the explanation. `blur`, such as
        `Blur.of(["faces"])`, is applied to the pictures that it shows.
        """
        made = query_options(**options)
        return explain(self._query(photo, made), made, self.context, blur)

    def route(self, start: Endpoint, to: Endpoint, **options: Unpack[RouteOptions]) -> Route:
        """Find the way on the roads of the map, from where a photo was taken to a sight, say. See `route_between`.

        Each end is a photo, a `Position`, a `Fix`, (lat, lon), "LAT,LON", or the name of a sight. The keywords are
        `mode` ("walk", "cycle" or "drive"), `heading_deg` and `language`. BadInput tells why there is no route.
        """
        return route_between(start, to, self.locate, self.points.all, self.router, **options)

    def upcoming(self, belief: Belief, ahead: Ahead = USUAL_AHEAD) -> tuple[Upcoming, ...]:
        """The sights that a moving camera will pass, the next one first. `Belief.at` makes a belief of one position."""
        return upcoming(self.points, belief, ahead)

    # Contents

    def __len__(self) -> int:
        return len(self._store)

    @property
    def address(self) -> Address:
        """The path or URL of the map. As a string it hides the password."""
        return self._store.address

    @property
    def path(self) -> Path:
        """The map's file.

        Raises:
            BadInput: the map is in a database.
        """
        if (file := self.address.file) is None:
            raise BadInput(f"{self.address} is a map in a database, not a file. Use its `address` instead of `path`.")
        return file

    @property
    def store(self) -> Store:
        """The store of the map, for statistics and for tools that read whole maps."""
        return self._store

    @property
    def points(self) -> Points:
        """The points of interest in the map."""
        return self._store.points

    @property
    def basemap(self) -> Basemap | None:
        """The base map of the map: its file, area and credit. None without one; see `viewfix.basemap`."""
        return basemap_of(self._store)

    @property
    def calibration(self) -> Calibration:
        """The calibration of the map, fitted on its own photos; the shipped prior if the map has none yet."""
        stored = self._store.meta("calibration")
        return Calibration.from_json(stored) if stored else PRIOR

    @property
    def model(self) -> Model:
        """The model of this map. It uses one core for each picture: call it from several threads to use more cores.

        Measured: a second core for one picture saves little on an idle machine, and doubles the time on a busy one.

        Raises:
            UnknownModel, ModelMismatch: see `Map.locate`; or the map needs a custom model that was not passed.
        """
        if self._model is None:
            try:
                self._model = self._own_model()
            except UnknownModel as error:
                if self._requested_model is not None:
                    raise
                raise UnknownModel(
                    f"The map {self.address} was built with {self._store.model.name}, a custom model. "
                    "Pass it with --model FILE.onnx"
                ) from error
        return self._model

    @property
    def context(self) -> MapContext:
        """The parts of the map that are needed to answer a query."""
        if self._verifier is None and geometry.available():
            self._verifier = Verifier(self._store)
        return MapContext(self._store, self._searching(), self.calibration, self._verifier)

    def photos(self) -> Iterator[Photo]:
        """Iterate over every photo of the map, in the order of adding."""
        return self._store.all_photos()

    def info(self) -> dict[str, Any]:
        """Counts, model, calibration, sizes, and what the map can be expected to find, ready for JSON."""
        expectation = self.calibration.expectation
        info = {**self._store.info(), "expectation": expectation and expectation.to_json()}
        return with_basemap(self._store, info)

    def export(self, path: str | Path, *, form: str | None = None) -> list[Path]:
        """Export the photos of the map for other programs. Returns the files written.

        Args:
            path: a .geojson, .csv, .parquet (with descriptors), .kml or .gpx file; or a folder for the projector.
            form: the format, if the ending of `path` does not show it.
        """
        return export(self._store, Path(path), form=form, progress=self._progress)

    def pack(self, folder: str | Path, options: PackOptions | None = None) -> Packed:
        """Write the map as an app of static files, which locates photos on a phone without a network."""
        return pack(self._store, self.model, self.calibration, Path(folder), options, progress=self._progress)

    def coverage(self, *, sample: int = SAMPLE, seed: int = 0) -> Coverage:
        """Survey where the map finds photos, where it does not, and what to photograph next.

        Args:
            sample: the largest number of photos to leave out, one at a time, and search for.
            seed: seed of the random choice of these photos.
        """
        return survey(self.context, sample=sample, seed=seed, progress=self._progress)

    def alignment(self) -> Alignment:
        """Find photos whose heading or position contradicts their neighbours. Nothing is changed.

        Pass its `corrections` to `viewfix.align.apply_alignment`, which keeps what was there before.
        """
        return plan_alignment(self.context, progress=self._progress)

    def thinning(self, *, recall_budget: float = RECALL_BUDGET) -> Thinning:
        """Find the photos that the map does not need. Nothing is changed; pass `removed` to `remove` to take them out.

        Args:
            recall_budget: the largest loss of Recall@1, [0, 1), for photos taken between those of the map.
        """
        return plan_thinning(self.context, recall_budget=recall_budget, progress=self._progress)

    def __repr__(self) -> str:
        return f"<Map {self.address}: {len(self)} photos, {self._store.model.name}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        about = f"{len(self)} photos, {self._store.model.name}, made {self._store.created_at:%Y-%m-%d}"
        return f"<p><b>{html.escape(str(self.address))}</b><br>{html.escape(about)}</p>"

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

    def _query(self, photo: Readable, options: QueryOptions) -> Query:
        return describe_query(photo, self.model, options.panorama)

    def _own_model(self) -> Model:
        own = self._store.model
        requested = self._requested_model or self._store.model_file(own)
        # A map stores the name of its model, never a path to one.
        model = catalogue.given(requested) if requested else catalogue.named(own.name, threads=1)
        own.check(model.name, model.fingerprint, str(self.address))
        return model

    def _searching(self) -> Search:
        if self._search is None:
            self._search = open_search(self._store, progress=self._progress)
        return self._search
