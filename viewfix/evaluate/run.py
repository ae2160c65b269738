"""A model or a map and a dataset go in, a Result comes out: the whole of an evaluation, in order, on one page."""

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
from .asked import FOUND_M, Asked
from .described import Described, Pictured, describe_all, described_map
from .fixes import REGIONS, judge, made_map
from .latency import measure
from .nearness import within_m
from .ranking import Ranking, failures, rank_by_map, rank_exactly
from .result import Check, Matching, Recall, Result, Sizes
from .subject import Subject, opened_subject

TRIED = 6
"""Pictures described in several batches, to see whether their company matters."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be chosen about an evaluation.

    allow: self-checks whose failure is told and not refused, of `selfchecks.NAMES`.
    trained_on: where the model was trained, beside what its own description says.
    regions: held out one after the other for queries from outside the map; 0 for none.
    """

    allow: tuple[str, ...] = ()
    trained_on: tuple[Position, ...] = ()
    regions: int = REGIONS
    seed: int = 0


def evaluate(
    subject: Model | Map | str | Path,
    dataset: Asked,
    *,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure a model, or a map, on a dataset.

    Args:
        subject: a model (or its name, or an .onnx file), whose database are the map photos of the
            dataset; or a map (or its .map file), whose own photos are the database.
        dataset: see `viewfix.evaluate.datasets`.
        settings: None for the usual ones.
        progress: called with what is being done.

    Raises:
        BadInput: a self-check failed that was not allowed, or there is nothing to ask.
    """
    settings = settings or Settings()
    allow = selfchecks.allowed(settings.allow)
    if not len(dataset.queries):
        raise BadInput(f"The dataset {dataset.name} has no queries. Give pictures to ask for: --queries SOURCE")
    with opened_subject(subject, progress) as asked:
        checks = _before(asked, dataset, settings, allow)
        selfchecks.stop_at(checks)
        known = _known(asked, dataset, progress)
        checks += [
            selfchecks.readable([*dataset.skipped, *known.photos.skipped, *known.queries.skipped], allow),
            selfchecks.duplicates(known.photos, known.queries, allow),
        ]
        selfchecks.stop_at(checks)
        return _measured(asked, dataset, known, checks, settings, progress)


@dataclass(frozen=True, slots=True)
class _Known:
    """Described photos and queries, and for every query the right rows of the photos."""

    photos: Described
    queries: Described
    right: list[npt.NDArray[np.int64]]


def _known(subject: Subject, dataset: Asked, progress: Progress) -> _Known:
    if subject.own is None:
        photos = describe_all(dataset.map, subject.model, stage="map photos", progress=progress)
        positives = dataset.positives
    else:
        photos, positives = described_map(subject.own), _positives_in(subject.own, dataset)
    queries = describe_all(dataset.queries, subject.model, stage="queries", progress=progress)
    if subject.own is None and dataset.areas is not None:
        photos = replace(photos, areas=dataset.areas.map[photos.rows])
        queries = replace(queries, areas=dataset.areas.queries[queries.rows])
    return _Known(photos, queries, _kept(positives, photos.rows, queries.rows))


def _measured(
    subject: Subject,
    dataset: Asked,
    known: _Known,
    checks: Sequence[Check],
    settings: Settings,
    progress: Progress,
) -> Result:
    model, own = subject.model, subject.own
    photos, queries, right = known.photos, known.queries, known.right
    k = max(metrics.RANKS)
    ranking = rank_exactly(photos, queries, k) if own is None else rank_by_map(own, queries, k)
    with _map_of(subject, photos, progress) as city:
        fixes = None
        if city is not None and queries.placed:
            fixes = judge(city, photos, queries, regions=settings.regions, progress=progress)
        sources = [picture.source for picture in queries.pictures]
        latency = measure(sources, model, _search(city, photos), progress=progress)
        sizes = _sizes(model, city)
    hits = metrics.hits_of(ranking.rows, right)
    answerable = np.array([len(rows) > 0 for rows in right], np.bool_)
    return Result(
        dataset=dataset.name,
        protocol=dataset.protocol.name,
        subject=subject.title,
        model=model.name,
        fingerprint=model.fingerprint,
        viewfix=metadata.version("viewfix"),
        seed=settings.seed,
        ranked_by="comparing with every photo" if own is None else "the map's own index",
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
        failures=failures(ranking, hits, right, photos, queries),
        notes=(*dataset.notes, *_notes(own, photos, queries)),
    )


@contextlib.contextmanager
def _map_of(subject: Subject, photos: Described, progress: Progress) -> Iterator[Map | None]:
    """The map that is measured, or one made of the photos for as long as the block lasts; None without positions."""
    if subject.own is not None or not photos.placed:
        yield subject.own
        return
    with (
        tempfile.TemporaryDirectory(prefix="viewfix-eval-") as folder,
        made_map(Path(folder) / "all.map", photos, subject.model, progress=progress) as city,
    ):
        yield city


def _before(subject: Subject, dataset: Asked, settings: Settings, allow: frozenset[str]) -> list[Check]:
    """The checks that need no descriptor of the dataset: nobody should wait an hour for a refusal."""
    pictures = [*dataset.queries[:TRIED], *dataset.map[: TRIED // 2]]
    rules = dataset.protocol
    photos: Sequence[Pictured] = dataset.map if subject.own is None else tuple(subject.own.photos())
    found = {"queries": len(dataset.queries), "map photos": len(photos)}
    expected = {"queries": rules.queries, "map photos": rules.database if subject.own is None else None}
    places = [each.position for each in (*photos, *dataset.queries) if each.position is not None]
    return [
        selfchecks.batch(subject.model, [picture.source for picture in pictures], allow),
        selfchecks.training(getattr(subject.model, "about", {}), settings.trained_on, places, allow),
        selfchecks.count(expected, found, allow),
    ]


def _positives_in(city: Map, dataset: Asked) -> list[npt.NDArray[np.int64]]:
    """The photos of a map within the protocol's radius of every query of a dataset."""
    radius_m = dataset.protocol.radius_m or FOUND_M
    asked = [picture.position for picture in dataset.queries if picture.position is not None]
    if len(asked) < len(dataset.queries):
        raise BadInput(
            f"{len(dataset.queries) - len(asked)} queries of {dataset.name} have no position, so nobody can say which "
            "photos of the map are right. Give a model instead of the map, or queries with positions."
        )
    return within_m(asked, [photo.position for photo in city.photos()], radius_m)


def _kept(
    positives: Sequence[npt.NDArray[np.int64]], photo_rows: npt.NDArray[np.int64], query_rows: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.int64]]:
    """Positives of the queries that were read, as rows of the photos that were read: both row lists ascend."""
    found = []
    for query in query_rows:
        rows = np.asarray(positives[int(query)], np.int64)
        rows = rows[np.isin(rows, photo_rows)]
        found.append(np.searchsorted(photo_rows, rows).astype(np.int64))
    return found


def _search(city: Map | None, photos: Described) -> Callable[[npt.NDArray[np.float32]], object]:
    if city is not None:
        return city.locate_descriptor
    return lambda descriptor: metrics.ranked((photos.descriptors @ descriptor)[None], max(metrics.RANKS))


def _sizes(model: Model, city: Map | None) -> Sizes:
    info = None if city is None else city.info()
    return Sizes(
        dim=model.dim,
        descriptor_bytes=2 * model.dim,  # a map keeps float16
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


def _notes(own: Map | None, photos: Described, queries: Described) -> tuple[str, ...]:
    notes = []
    if own is None and not photos.placed:
        notes.append("The map photos have no positions: no map was made of them, and nothing is said in metres.")
    elif not queries.placed:
        notes.append("Not every query has a position: nothing is said in metres, nor about fixes.")
    if queries.areas is not None and photos.placed:
        notes.append("Figures in metres of fixes and about confidence are of one map of all areas together.")
    return tuple(notes)
