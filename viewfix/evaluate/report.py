"""A Result goes in; a folder with one HTML page that needs nothing else, and one JSON file, comes out."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

from .. import photos
from ..errors import BadInput, StorageFailed, UnreadablePhoto
from . import curves
from .result import Check, Failure, Result
from .tables import Table, headline, tables

PAGE, JSON = "index.html", "result.json"

THUMBNAIL_PX = 320
MOST_FAILURES = 48
"""Shown on the page, the surest mistakes first; the JSON names them all."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #22252a; --soft: #5f646c; --line: #dcd9d0;
  --mark: #2563a8; --good: #17705a; --bad: #b3392f }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --card: #1e2125; --ink: #e8e6e1; --soft: #a0a6ae;
  --line: #363b42; --mark: #7fb2ea; --good: #5cc3a2; --bad: #f08a7e } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem }
.soft { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .9rem 1.5rem;
  margin: 1.2rem 0 }
.figures b { display: block; font-size: 1.5rem; line-height: 1.25 }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem }
.plot, .card, .box { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); margin: 0;
  padding: .8rem 1rem }
.box { border-left: .3rem solid var(--bad); margin: 1rem 0 }
.card { margin: 1rem 0 }
svg { width: 100%; height: auto; display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--soft) }
figure { margin: 0 } figcaption { font-size: .875rem; color: var(--soft); overflow-wrap: anywhere }
.wide { overflow-x: auto; max-width: 46rem }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; padding: .3rem .6rem .3rem 0; vertical-align: top }
tbody th { font-weight: 400 }
td, thead th + th { text-align: right; padding: .3rem 0 .3rem 1rem; vertical-align: top; white-space: nowrap }
tbody tr { border-top: 1px solid var(--line) }
.triple { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem }
.triple img { width: 100%; height: auto; border-radius: .3rem; display: block }
.none { border: 1px dashed var(--line); border-radius: .3rem; padding: 1.5rem .6rem; text-align: center;
  color: var(--soft); font-size: .875rem }
ul { padding-left: 1.2rem; margin: .4rem 0 } li { margin: .2rem 0; overflow-wrap: anywhere }
@media (max-width: 34rem) { table { font-size: .8125rem } td, thead th + th { padding-left: .5rem }
  .triple { grid-template-columns: 1fr 1fr } .triple > :first-child { grid-column: 1 / -1 } }
"""


def write_report(folder: str | Path, result: Result) -> Path:
    """Write the page and the JSON into `folder`, making it where needed; returns the page.

    Pictures are inside the page, so that it can be mailed as it is.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / JSON).write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
        (target / PAGE).write_text(page(result), encoding="utf-8")
    except OSError as error:
        raise StorageFailed(
            f"The report cannot be written into {target} ({error.strerror}). Name a folder that can be written."
        ) from None
    return target / PAGE


def check_folder(folder: Path) -> None:
    """Refuse, before the minutes of an evaluation, a folder that cannot take the report."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file, and the report is a folder with a page and a JSON. Name another.")


def page(result: Result) -> str:
    """The whole report as one HTML page."""
    title = f"{result.subject} on {result.dataset}"
    figures = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for value, name in headline(result))
    notes = "".join(f'<p class="soft">{html.escape(note)}</p>' for note in result.notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>"
        f'<p class="soft">{result.queries} queries, {result.map_photos} photos of the map; protocol: '
        f"{html.escape(result.protocol)}. Model {html.escape(result.model)} ({html.escape(result.fingerprint[:12])}), "
        f"viewfix {html.escape(result.viewfix)}. Ranked by {html.escape(result.ranked_by)}.</p>"
        f'{_told(result.checks)}<div class="figures">{figures}</div>{notes}'
        f'<div class="grid">{"".join(_plots(result))}</div>'
        f"{''.join(_table(each) for each in tables(result))}{_checks(result)}{_failures(result.failures)}</html>"
    )


def _plots(result: Result) -> list[str]:
    recall = [(str(rank), each.value, each.low, each.high) for rank, each in result.recall.counted.items()]
    matching = result.matching
    plots = [
        curves.intervals(recall, x="photos looked at", y="recall, %", title="Recall@N with its 95 % interval"),
        curves.curve(
            list(zip(matching.recall, matching.precision, strict=True)),
            x="recall, %",
            y="precision, %",
            title="Precision and recall of the best match, over every score",
        ),
    ]
    if result.fixes is not None:
        sure = result.fixes.confidence
        plots += [
            curves.curve(
                list(zip(sure.coverage, sure.risk, strict=True)),
                x="answered, surest first, %",
                y="wrong, %",
                title="Risk and coverage of the fix's confidence",
            ),
            curves.reliability(
                list(zip(sure.bin_confidence, sure.bin_accuracy, sure.bin_count, strict=True)),
                x="confidence, %",
                y="within its radius, %",
                title="Calibration: honest on the dashed line; larger with more queries",
            ),
        ]
    return plots


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.columns)
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in table.rows
    )
    note = f'<p class="soft">{html.escape(table.note)}</p>' if table.note else ""
    first = f"<thead><tr>{head}</tr></thead>" if any(table.columns) else ""
    return (
        f'<h2>{html.escape(table.title)}</h2><div class="wide" tabindex="0"><table>{first}<tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def _told(checks: Sequence[Check]) -> str:
    """What was allowed though it makes the figures doubtful, above them."""
    failed = [check for check in checks if check.passed is False]
    if not failed:
        return ""
    items = "".join(f"<li><b>{html.escape(check.name)}</b>: {html.escape(check.seen)}</li>" for check in failed)
    return f'<div class="box"><b class="bad">These figures are not to be compared</b><ul>{items}</ul></div>'


def _checks(result: Result) -> str:
    words = {True: ("passed", "good"), False: ("failed, and allowed", "bad"), None: ("nothing to check", "soft")}
    items = "".join(
        f'<li><span class="{words[check.passed][1]}">{words[check.passed][0]}</span>, {html.escape(check.name)}: '
        f"{html.escape(check.seen)}</li>"
        for check in result.checks
    )
    return f"<h2>Self-checks</h2><ul>{items}</ul>"


def _failures(failures: Sequence[Failure]) -> str:
    if not failures:
        return "<h2>No failures</h2><p>The best match of every query is right.</p>"
    shown = failures[:MOST_FAILURES]
    rest = f" The first {len(shown)} are shown; {JSON} has them all." if len(shown) < len(failures) else ""
    cards = "".join(_card(failure) for failure in shown)
    return (
        f"<h2>Failures: {len(failures)} queries whose best match is wrong</h2>"
        f'<p class="soft">The surest mistakes first.{rest}</p>{cards}'
    )


def _card(failure: Failure) -> str:
    wrong_m = "" if failure.wrong_m is None else f", {failure.wrong_m:.0f} m away"
    wrong = f"Best match, wrong: {failure.wrong_id}, similarity {failure.wrong_similarity:.2f}{wrong_m}"
    if failure.right_source is None:
        right = '<div class="none">No photo of the map shows this place</div>'
    else:
        similarity = f"{failure.right_similarity or 0:.2f}, rank {failure.right_rank}"
        right = _figure(failure.right_source, f"Right: {failure.right_id}, similarity {similarity}")
    return (
        f'<div class="card"><div class="triple">{_figure(failure.query_source, f"Query: {failure.query_id}")}'
        f"{_figure(failure.wrong_source, wrong)}{right}</div></div>"
    )


def _figure(source: str, caption: str) -> str:
    text = html.escape(caption, quote=True)
    try:
        data = base64.b64encode(_thumbnail(source)).decode()
    except UnreadablePhoto:
        return f'<div class="none">{text} (the file is gone)</div>'
    return f'<figure><img src="data:image/jpeg;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _thumbnail(source: str) -> bytes:
    from PIL import Image

    picture = Image.fromarray(photos.load(photos.read_bytes(source), least_side_px=THUMBNAIL_PX))
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=78)
    return packed.getvalue()
