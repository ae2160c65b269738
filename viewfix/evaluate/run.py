"""Evaluate a model or a map on a dataset: the whole procedure, in order."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..errors import BadInput
from ..map import Map
from ..models.model import Model
from ..types import Position, Progress, silent
from . import selfchecks
from .descriptors import EmbeddedPictures, PictureInfo, embed_pictures, pictures_of_map
from .fixes import REGIONS, build_map, measure_fixes
from .inputs import FOUND_M, EvaluationDataset
from .latency import measure
from .proximity import within_m
from .ranking import Ranking, failures, rank_by_map, rank_exactly
from .result import Check, Matching, Recall, Result, Sizes
from .subject import Subject, open_subject

TRIED = 6
"""Pictures that are embedded in several batches, to check whether the rest of a batch matters."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of an evaluation.

    allow: self-checks, of `selfchecks.NAMES`, whose failure is reported instead of ending the run.
    trained_on: places where the model was trained, in addition to those in its description.
    regions: the number of parts of the map to hold out, one at a time, for queries from outside the map; 0 for none.
    seed: the seed of the confidence intervals.
    """

    allow: tuple[str, ...] = ()
    trained_on: tuple[Position, ...] = ()
    regions: int = REGIONS
    seed: int = 0


def evaluate(
    subject: Model | Map | str | Path,
    dataset: EvaluationDataset,
    *,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure a model, or a map, on a dataset.

    Args:
        subject: a model (or its name, or an .onnx file), which searches the map photos of the dataset; or a map (or its
            .map file), which searches its own photos.
        dataset: see `viewfix.evaluate.datasets`.
        settings: None for the defaults.
        progress: called with the progress.

    Raises:
        BadInput: a self-check failed and was not allowed, or there are no queries.
    """
    settings = settings or Settings()
    allow = selfchecks.allowed(settings.allow)
    if not len(dataset.queries):
        raise BadInput(f"The dataset {dataset.name} has no queries. Add some: --queries SOURCE")
    with open_subject(subject, progress) as opened:
        embedded, checks = prepare(opened, dataset, settings, allow, progress)
        return _measure(opened, dataset, embedded, checks, settings, progress)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos and queries with their descriptors, and for every query the rows of the right photos."""

    photos: EmbeddedPictures
    queries: EmbeddedPictures
    positives: list[npt.NDArray[np.int64]]


def prepare(
    subject: Subject, dataset: EvaluationDataset, settings: Settings, allow: frozenset[str], progress: Progress
) -> tuple[Embedded, list[Check]]:
    """Embed the pictures of a dataset, and run all self-checks, those that need no descriptors first.

    Raises:
        BadInput: a self-check failed and is not among those of `allow`.
    """
    checks = _checks_before(subject, dataset, settings, allow)
    selfchecks.require(checks)
    embedded = _embed(subject, dataset, progress)
    checks += [
        selfchecks.readable([*dataset.skipped, *embedded.photos.skipped, *embedded.queries.skipped], allow),
        selfchecks.duplicates(embedded.photos, embedded.queries, allow),
    ]
    selfchecks.require(checks)
    return embedded, checks


def _embed(subject: Subject, dataset: EvaluationDataset, progress: Progress) -> Embedded:
    if subject.map is None:
        photos = embed_pictures(dataset.map, subject.model, stage="map photos", progress=progress)
        positives = dataset.positives
    else:
        photos, positives = pictures_of_map(subject.map), _positives_in(subject.map, dataset)
    queries = embed_pictures(dataset.queries, subject.model, stage="queries", progress=progress)
    if subject.map is None and dataset.areas is not None:
        photos = replace(photos, areas=dataset.areas.map[photos.rows])
        queries = replace(queries, areas=dataset.areas.queries[queries.rows])
    return Embedded(photos, queries, _readable_positives(positives, photos.rows, queries.rows))


def _measure(
    subject: Subject,
    dataset: EvaluationDataset,
    embedded: Embedded,
    checks: Sequence[Check],
    settings: Settings,
    progress: Progress,
) -> Result:
    model, own_map = subject.model, subject.map
    photos, queries, positives = embedded.photos, embedded.queries, embedded.positives
    k = max(metrics.RANKS)
    ranking = rank_exactly(photos, queries, k) if own_map is None else rank_by_map(own_map, queries, k)
    with _map_of(subject, photos, progress) as city:
        fixes = None
        if city is not None and queries.placed:
            fixes = measure_fixes(city, photos, queries, regions=settings.regions, progress=progress)
        latency = measure(queries.pictures, model, _search(city, photos), progress=progress)
        sizes = _sizes(model, city)
    hits = metrics.hits_of(ranking.rows, positives)
    answerable = np.array([len(rows) > 0 for rows in positives], np.bool_)
    return Result(
        dataset=dataset.name,
        protocol=dataset.protocol.name,
        subject=subject.title,
        model=model.name,
        fingerprint=model.fingerprint,
        viewfix=metadata.version("viewfix"),
        seed=settings.seed,
        ranked_by="comparing with every photo" if own_map is None else "the index of the map",
        map_photos=len(photos),
        recall=Recall(
            queries=len(queries),
            without_positive=int((~answerable).sum()),
            counted=metrics.recall_intervals(hits, seed=settings.seed),
            dropped=metrics.recall_intervals(hits[answerable], seed=settings.seed),
        ),
        matching=_matching(ranking, hits, int(answerable.sum())),
        best_match_error=ranking.error(photos, queries),
        fixes=fixes,
        latency=latency,
        sizes=sizes,
        checks=tuple(checks),
        skipped=(*dataset.skipped, *photos.skipped, *queries.skipped),
        failures=failures(ranking, hits, positives, photos, queries),
        notes=(*dataset.notes, *_notes(own_map, photos, queries)),
    )


@contextlib.contextmanager
def _map_of(subject: Subject, photos: EmbeddedPictures, progress: Progress) -> Iterator[Map | None]:
    """The map to measure, or a temporary one made from the photos; None without positions."""
    if subject.map is not None or not photos.placed:
        yield subject.map
        return
    with (
        tempfile.TemporaryDirectory(prefix="viewfix-eval-") as folder,
        build_map(Path(folder) / "all.map", photos, subject.model, progress=progress) as city,
    ):
        yield city


def _checks_before(
    subject: Subject, dataset: EvaluationDataset, settings: Settings, allow: frozenset[str]
) -> list[Check]:
    """The checks that need no descriptors of the dataset, so that a refusal does not come after an hour."""
    pictures = [*dataset.queries[:TRIED], *dataset.map[: TRIED // 2]]
    protocol = dataset.protocol
    photos: Sequence[PictureInfo] = dataset.map if subject.map is None else tuple(subject.map.photos())
    found = {"queries": len(dataset.queries), "map photos": len(photos)}
    expected = {"queries": protocol.queries, "map photos": protocol.database if subject.map is None else None}
    places = [each.position for each in (*photos, *dataset.queries) if each.position is not None]
    return [
        selfchecks.batch(subject.model, pictures, allow),
        selfchecks.training(getattr(subject.model, "about", {}), settings.trained_on, places, allow),
        selfchecks.count(expected, found, allow),
    ]


def _positives_in(city: Map, dataset: EvaluationDataset) -> list[npt.NDArray[np.int64]]:
    """The photos of a map within the protocol's radius of every query of a dataset."""
    radius_m = dataset.protocol.radius_m or FOUND_M
    queries = [picture.position for picture in dataset.queries if picture.position is not None]
    if len(queries) < len(dataset.queries):
        raise BadInput(
            f"{len(dataset.queries) - len(queries)} queries of {dataset.name} have no position, so it is unknown which "
            "photos of the map are right. Pass a model instead of the map, or use queries with positions."
        )
    return within_m(queries, [photo.position for photo in city.photos()], radius_m)


def _readable_positives(
    positives: Sequence[npt.NDArray[np.int64]], photo_rows: npt.NDArray[np.int64], query_rows: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.int64]]:
    """Positives of the readable queries, as rows among the readable photos; both row lists are ascending."""
    found = []
    for query in query_rows:
        rows = np.asarray(positives[int(query)], np.int64)
        rows = rows[np.isin(rows, photo_rows)]
        found.append(np.searchsorted(photo_rows, rows).astype(np.int64))
    return found


def _search(city: Map | None, photos: EmbeddedPictures) -> Callable[[npt.NDArray[np.float32]], object]:
    if city is not None:
        return city.locate_descriptor
    return lambda descriptor: metrics.ranked((photos.descriptors @ descriptor)[None], max(metrics.RANKS))


def _sizes(model: Model, city: Map | None) -> Sizes:
    info = None if city is None else city.info()
    return Sizes(
        dim=model.dim,
        descriptor_bytes=2 * model.dim,  # a map stores float16
        map_bytes=None if info is None else info["map_bytes"],
        index_bytes=None if info is None else info["index_bytes"],
    )


def _matching(ranking: Ranking, hits: npt.NDArray[np.bool_], possible: int) -> Matching:
    curve = metrics.precision_recall(ranking.similarities[:, 0], hits[:, 0], possible=possible)
    return Matching(
        average_precision=metrics.average_precision(curve),
        recall_at_100_precision=metrics.recall_at_precision(curve, 1.0),
        recall_at_99_precision=metrics.recall_at_precision(curve, 0.99),
        precision=curve.precision.tolist(),
        recall=curve.recall.tolist(),
        threshold=curve.thresholds.tolist(),
    )


def _notes(own_map: Map | None, photos: EmbeddedPictures, queries: EmbeddedPictures) -> tuple[str, ...]:
    notes = []
    if own_map is None and not photos.placed:
        notes.append(
            "The map photos have no positions, so no map was built from them and there are no figures in metres."
        )
    elif not queries.placed:
        notes.append("Not every query has a position, so there are no figures in metres or about fixes.")
    if queries.areas is not None and photos.placed:
        notes.append(
            "Errors in metres of fixes, and the figures on confidence, are those of one map of all areas together."
        )
    return tuple(notes)
