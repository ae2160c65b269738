"""Tables, charts and the page of a sequence evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...reports.render import render
from ..charts import Box, Chart, curve, reliability
from ..report import JSON, write_files
from ..tables import Table, metres, percent
from .measure import SEQSLAM, SINGLE, TRACK
from .result import Method, SequenceResult, Trials


def write_sequence_report(folder: str | Path, result: SequenceResult) -> Path:
    """Write the page and the JSON into `folder`, creating it if necessary. Returns the path of the page.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    return write_files(folder, sequence_page(result), result.to_json())


def sequence_page(result: SequenceResult) -> str:
    """The report as one HTML page that loads nothing."""
    return render(
        "evaluate/sequences/page.html",
        result=result,
        headline=headline(result),
        failed_checks=[check for check in result.checks if check.passed is False],
        charts=_charts(result),
        box=Box(),
        tables=sequence_tables(result),
        json_name=JSON,
    )


def headline(result: SequenceResult) -> list[tuple[str, str]]:
    """The most important figures, as (value, meaning)."""
    single, track = result.method(SINGLE), result.method(TRACK)
    return [
        (f"{percent(track.recall)} %", f"of frames right by the track; {percent(single.recall)} % by single pictures"),
        (f"{track.calibration_error:.3f}", "calibration error of the track"),
        (_median(result.first_fix), "to the first right fix (median)"),
        (_median(result.recovery), "to recover (median)"),
    ]


def sequence_tables(result: SequenceResult) -> list[Table]:
    """All tables, in the order of the report."""
    return [_methods(result), _over_time(result), _waits(result)]


def _methods(result: SequenceResult) -> Table:
    rows = tuple(
        (
            each.name,
            percent(each.recall),
            metres(each.median_m),
            "–" if each.given is None else percent(each.given),
            "–" if each.wrong_given is None else percent(each.wrong_given),
            f"{each.area:.4f}",
            "–" if each.calibration_error is None else f"{each.calibration_error:.3f}",
        )
        for each in result.methods
    )
    note = (
        "Given: frames whose fix has a confidence of 0.5 or more; wrong: of those. Area: under risk and coverage. "
        f"p(not on this map) is {result.p_off:.3f} on average; the track takes {result.track_ms:.1f} ms of processor "
        "time for a frame, beside the descriptor."
    )
    columns = ("", "right, %", "median", "given, %", "wrong, %", "area", "calibration error")
    return Table("Frames of the sequence", columns, rows, note)


def _over_time(result: SequenceResult) -> Table:
    rows = tuple(
        (
            f"{_seconds(each.start_s)} to {_seconds(each.end_s)}",
            *(percent(each.recall[name]) for name in (SINGLE, TRACK)),
            percent(each.coverage[TRACK]),
            percent(each.risk[TRACK]),
        )
        for each in result.slices
    )
    return Table("Risk and coverage over time, %", ("", "single right", "track right", "track given", "wrong"), rows)


def _waits(result: SequenceResult) -> Table:
    every = (
        ("First right fix of a track", result.first_fix),
        ("First right fix of single pictures", result.first_fix_single),
        ("Track right again after a jump", result.recovery),
    )
    rows = tuple(_wait(name, trials) for name, trials in every)
    note = (
        "Of several places in the sequence, until a fix is given and right; given up after "
        f"{result.first_fix.most_frames} frames. A jump goes half of the sequence away, from one frame to the next."
    )
    return Table("Waiting", ("", "reached", "median frames", "median time", "longest"), rows, note)


def _wait(name: str, trials: Trials) -> tuple[str, ...]:
    reached = trials.reached
    share = f"{len(reached)} of {len(trials.frames)}"
    if not reached:
        return (name, share, "–", "–", "–")
    frames, seconds = (np.array(column, np.float64) for column in zip(*reached, strict=True))
    return (name, share, f"{np.median(frames):g}", _seconds(float(np.median(seconds))), _seconds(float(seconds.max())))


def _median(trials: Trials) -> str:
    reached = trials.reached
    return _seconds(float(np.median([seconds for _, seconds in reached]))) if reached else "–"


def _seconds(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes}:{seconds:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _charts(result: SequenceResult) -> list[Chart]:
    track = result.method(TRACK)
    shown = [each for each in result.methods if each.name in (SINGLE, TRACK, SEQSLAM)]
    return [
        *(_along_time(result, each) for each in shown),
        *(_risk(each) for each in shown if each.given is not None),
        reliability(
            list(zip(track.bin_confidence, track.bin_accuracy, track.bin_count, strict=True)),
            x="confidence, %",
            y="within its radius, %",
            title="Calibration of the track: perfect on the dashed line; larger discs stand for more frames",
        ),
    ]


def _risk(method: Method) -> Chart:
    points = list(zip(method.coverage, method.risk, strict=True))
    return curve(points, x="answered, most confident first, %", y="wrong, %", title=f"Risk and coverage: {method.name}")


def _along_time(result: SequenceResult, method: Method) -> Chart:
    """The share of right frames in a window that moves over the sequence."""
    right = np.array([each.is_right for each in method.answers], np.float64)
    return curve(
        list(zip(_shares(result.times_s), _smoothed(right).tolist(), strict=True)),
        x="time, % of the sequence",
        y="right, %",
        title=f"Right along time: {method.name}",
    )


def _shares(times_s: Sequence[float]) -> list[float]:
    span = max(times_s[-1], 1e-9)
    return [each / span for each in times_s]


def _smoothed(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    half = max(1, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))
