"""Write an evaluation to a folder: one self-contained HTML page, and one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..blur import Blur
from ..errors import BadInput, StorageFailed
from ..files import write_whole
from ..reports.pictures import Picture, thumbnail
from ..reports.render import render
from .charts import Box, Chart, curve, intervals, reliability
from .result import Failure, Result
from .tables import headline, tables

PAGE, JSON = "index.html", "result.json"

MOST_FAILURES = 48
"""Failures on the page, the most similar mistakes first; the JSON has all of them."""

MISSING = "The picture cannot be read."


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of a failure with its caption; `missing` is shown in place of a picture that cannot be read."""

    picture: Picture | None
    caption: str
    missing: str = MISSING


def write_report(folder: str | Path, result: Result, *, blur: Blur | None = None) -> Path:
    """Write the page and the JSON into `folder`, creating it if necessary. Returns the path of the page.

    `blur` is applied to the pictures of the page.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    return write_files(folder, page(result, blur), result.to_json())


def write_files(folder: str | Path, page_html: str, plain_json: dict[str, Any]) -> Path:
    """Write a page and its JSON into `folder`, creating it if necessary. Returns the path of the page.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_whole(target / JSON, json.dumps(plain_json, indent=1) + "\n")
        write_whole(target / PAGE, page_html)
    except OSError as error:
        raise StorageFailed(
            f"The report cannot be written to {target} ({error.strerror}). Choose another folder."
        ) from None
    return target / PAGE


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot take the report, before the minutes of an evaluation."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file, but the report needs a folder for its page and its JSON. Choose another.")


def page(result: Result, blur: Blur | None = None) -> str:
    """The report as one HTML page. Pictures are embedded, so it can be mailed as it is."""
    shown = result.failures[:MOST_FAILURES]
    cards = [_figures(failure, blur) for failure in shown]
    credits = [
        credit
        for failure, card in zip(shown, cards, strict=True)
        if any(figure.picture for figure in card)
        for credit in failure.credits
    ]
    return render(
        "evaluate/page.html",
        credits=credits,
        result=result,
        headline=headline(result),
        failed_checks=[check for check in result.checks if check.passed is False],
        charts=_charts(result),
        box=Box(),
        tables=tables(result),
        cards=cards,
        json_name=JSON,
    )


def _charts(result: Result) -> list[Chart]:
    recall = [(str(rank), each.value, each.low, each.high) for rank, each in result.recall.counted.items()]
    matching = result.matching
    charts = [
        intervals(recall, x="photos looked at", y="recall, %", title="Recall@N with its 95 % interval"),
        curve(
            list(zip(matching.recall, matching.precision, strict=True)),
            x="recall, %",
            y="precision, %",
            title="Precision and recall of the best match, over all similarities",
        ),
    ]
    if result.fixes is not None:
        confidence = result.fixes.confidence
        charts += [
            curve(
                list(zip(confidence.coverage, confidence.risk, strict=True)),
                x="answered, most confident first, %",
                y="wrong, %",
                title="Risk and coverage of the confidence of fixes",
            ),
            reliability(
                list(zip(confidence.bin_confidence, confidence.bin_accuracy, confidence.bin_count, strict=True)),
                x="confidence, %",
                y="within its radius, %",
                title="Calibration: perfect on the dashed line; larger discs stand for more queries",
            ),
        ]
    return charts


def _figures(failure: Failure, blur: Blur | None) -> tuple[Figure, Figure, Figure]:
    distance = "" if failure.wrong_m is None else f", {failure.wrong_m:.0f} m away"
    wrong = f"Best match, wrong: {failure.wrong_id}, similarity {failure.wrong_similarity:.2f}{distance}"
    right = Figure(None, "", "No photo of the map shows this place.")
    if failure.right_source is not None:
        similarity = f"{failure.right_similarity or 0:.2f}, rank {failure.right_rank}"
        right = Figure(
            thumbnail(failure.right_source, failure.right_view, blur),
            f"Right: {failure.right_id}, similarity {similarity}",
        )
    return (
        Figure(thumbnail(failure.query_source, failure.query_view, blur), f"Query: {failure.query_id}"),
        Figure(thumbnail(failure.wrong_source, failure.wrong_view, blur), wrong),
        right,
    )
