"""Evaluate a model or a map on a sequence: the whole procedure, in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ... import metrics
from ...errors import BadInput
from ...locate.confidence import LEAST_CONFIDENCE
from ...map import Map
from ...models.model import Model
from ...track.modes import mode_named
from ...types import Progress, silent
from .. import selfchecks
from ..fixes import build_map
from ..inputs import FOUND_M, EvaluationDataset
from ..result import Check
from ..run import Settings, prepare
from ..subject import Subject, open_subject
from .baselines import seqslam, sum_of_similarities
from .follow import Judge, errors_m, first_fixes, first_of, followed, recoveries, single_pictures
from .result import FrameAnswer, Method, SequenceResult, Slice
from .ride import SPACING_M, Ride, ride_of

SLICES = 10
SINGLE, MATCH, TRACK, SEQSLAM, SUM = "single picture", "most similar photo", "track", "SeqSLAM", "sum of similarities"
NOT_A_WALK = (
    "The photos of the map do not follow one another along a way, so SeqSLAM and the sum of similarities, which need "
    "that, were not measured."
)


@dataclass(frozen=True, slots=True)
class SequenceSettings:
    """The options of an evaluation of a sequence.

    `mode` is how the camera moves. `every_s` is the time between two frames without times; if given, all frames are
    taken in the order of their names. `spacing_m` is the distance of the photos of a map without positions.
    """

    mode: str = "auto"
    every_s: float | None = None
    spacing_m: float = SPACING_M

    def __post_init__(self) -> None:
        mode_named(self.mode)
        for name, value in (("every_s", self.every_s), ("spacing_m", self.spacing_m)):
            if value is not None and not 0 < value < 86_400:
                raise BadInput(f"{name} must be more than 0 and less than 86400; got {value:g}.")


def evaluate_sequence(
    subject: Model | Map | str | Path,
    dataset: EvaluationDataset,
    *,
    sequence: SequenceSettings | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> SequenceResult:
    """Measure a track over the queries of a dataset, which are the frames of one walk or ride.

    Args:
        subject: a model or a map, as for `evaluate`.
        dataset: see `viewfix.evaluate.datasets`; its queries are frames in the order of time.
        sequence: None for the defaults.
        settings: of the self-checks; None for the defaults.
        progress: called with the progress.

    Raises:
        BadInput: a self-check failed and was not allowed, there are too few frames, or their order is unknown.
    """
    sequence, settings = sequence or SequenceSettings(), settings or Settings()
    allow = selfchecks.allowed(settings.allow)
    if len(dataset.queries) < 2:
        raise BadInput(
            f"A sequence has two frames or more; {dataset.name} has {len(dataset.queries)}. Leave out --sequence to "
            "measure single pictures."
        )
    with open_subject(subject, progress) as opened, tempfile.TemporaryDirectory(prefix="viewfix-eval-") as folder:
        embedded, checks = prepare(opened, dataset, settings, allow, progress)
        radius_m = dataset.protocol.radius_m if opened.map is None else dataset.protocol.radius_m or FOUND_M
        ride = ride_of(embedded, radius_m, every_s=sequence.every_s, spacing_m=sequence.spacing_m)
        if opened.map is not None:
            return _measure(opened, opened.map, dataset, ride, checks, sequence.mode, settings.seed, progress)
        with build_map(Path(folder) / "all.map", ride.photos, opened.model, progress=progress) as city:
            return _measure(opened, city, dataset, ride, checks, sequence.mode, settings.seed, progress)


def _measure(  # noqa: PLR0913  everything that the result names
    subject: Subject,
    city: Map,
    dataset: EvaluationDataset,
    ride: Ride,
    checks: Sequence[Check],
    mode: str,
    seed: int,
    progress: Progress,
) -> SequenceResult:
    judge = Judge(ride)
    single = single_pictures(city, ride, judge, progress)
    track = followed(city, ride, judge, mode, progress)
    methods = [_method(SINGLE, single), *_matched(ride, judge), _method(TRACK, track.answers)]
    return SequenceResult(
        dataset=dataset.name,
        protocol=dataset.protocol.name,
        subject=subject.title,
        model=subject.model.name,
        fingerprint=subject.model.fingerprint,
        viewfix=metadata.version("viewfix"),
        seed=seed,
        mode=mode,
        map_photos=len(ride.photos),
        frames=len(ride),
        seconds=float(ride.times_s[-1]),
        methods=tuple(methods),
        slices=_slices(ride, {SINGLE: single, TRACK: track.answers}),
        first_fix=first_fixes(city, ride, judge, mode, progress),
        first_fix_single=first_of(ride, single),
        recovery=recoveries(city, ride, judge, track.states, progress),
        p_off=track.p_off,
        track_ms=track.ms,
        names=tuple(picture.id for picture in ride.frames.pictures),
        times_s=tuple(ride.times_s.tolist()),
        checks=tuple(checks),
        skipped=(*dataset.skipped, *ride.photos.skipped, *ride.frames.skipped),
        notes=(*dataset.notes, *ride.notes, *(() if ride.is_walk else (NOT_A_WALK,))),
    )


def _matched(ride: Ride, judge: Judge) -> list[Method]:
    """The most similar photo, and the baselines where the map is a walk too."""

    def similarities() -> Iterator[npt.NDArray[np.float64]]:
        for descriptor in ride.frames.descriptors:  # a row at a time: all of them may not fit into memory
            yield (ride.photos.descriptors @ descriptor).astype(np.float64)

    best = [(int(np.argmax(row)), float(row.max())) for row in similarities()]
    found = [_method(MATCH, [judge.of_row(frame, row, value) for frame, (row, value) in enumerate(best)], False)]
    if ride.is_walk:
        found.append(_method(SUM, judge.of_matches(sum_of_similarities(similarities(), ride.advance)), False))
        found.append(_method(SEQSLAM, judge.of_matches(seqslam(similarities(), ride.advance)), False))
    return found


def _method(name: str, answers: Sequence[FrameAnswer], is_probability: bool = True) -> Method:
    confidence = np.array([each.confidence for each in answers])
    right = np.array([each.is_right for each in answers])
    curve = metrics.risk_coverage(confidence, right)
    within = np.array([bool(each.within_radius) for each in answers])
    bins = metrics.reliability(confidence, within) if is_probability else None
    given = confidence >= LEAST_CONFIDENCE
    errors = errors_m(answers)
    known = errors[np.isfinite(errors)]
    return Method(
        name=name,
        recall=float(right.mean()),
        median_m=float(np.median(known)) if len(known) else float("nan"),
        given=float(given.mean()) if is_probability else None,
        wrong_given=(float((~right[given]).mean()) if given.any() else float("nan")) if is_probability else None,
        area=curve.area,
        calibration_error=metrics.expected_calibration_error(confidence, within) if is_probability else None,
        coverage=curve.coverage.tolist(),
        risk=curve.risk.tolist(),
        bin_confidence=[] if bins is None else bins.confidence.tolist(),
        bin_accuracy=[] if bins is None else bins.accuracy.tolist(),
        bin_count=[] if bins is None else bins.counts.tolist(),
        answers=tuple(answers),
    )


def _slices(ride: Ride, answers: dict[str, Sequence[FrameAnswer]]) -> tuple[Slice, ...]:
    """The sequence in up to SLICES stretches with about as many frames each."""
    found = []
    for frames in np.array_split(np.arange(len(ride)), min(SLICES, len(ride))):
        recall, coverage, risk = {}, {}, {}
        for name, every in answers.items():
            part = [every[int(frame)] for frame in frames]
            given = [each for each in part if each.confidence >= LEAST_CONFIDENCE]
            recall[name] = sum(each.is_right for each in part) / len(part)
            coverage[name] = len(given) / len(part)
            risk[name] = sum(not each.is_right for each in given) / len(given) if given else float("nan")
        times = ride.times_s[frames]
        found.append(Slice(float(times[0]), float(times[-1]), len(frames), recall, coverage, risk))
    return tuple(found)
