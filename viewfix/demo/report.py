"""Queries, fixes and the truth go in; one HTML page comes out that needs nothing else: a plan, and every query."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..types import Candidate, Fix, Position
from .town import Town, View

THUMBNAIL_PX = 360

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22252a; --soft: #6b7078; --line: #d9d6cd; --house: #e4dfd3;
  --road: #f4f2ec; --good: #17705a; --bad: #b3392f; --photo: #8d8a80; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --ink: #e8e6e1; --soft: #9aa0a8; --line: #33373d;
  --house: #2a2e34; --road: #1e2125; --good: #5cc3a2; --bad: #f08a7e; --photo: #6d7076; } }
* { box-sizing: border-box } body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.6rem } h2 { font-size: 1.1rem }
.soft { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1.2rem 0 }
.figures b { display: block; font-size: 1.5rem }
svg { width: 100%; height: auto; max-height: 40rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--road) }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: 1rem 0 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: .8rem }
figure { margin: 0 } img { width: 100%; height: auto; border-radius: .3rem; display: block }
figcaption { font-size: .9rem }
code { background: var(--house); padding: .1em .35em; border-radius: .25em }
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: its view and file, where it was really taken (None: in another town), and the answer."""

    view: View
    file: Path
    truth: Position | None
    fix: Fix
    error_m: float | None

    @property
    def right(self) -> bool:
        """Found within its own radius, or rightly sent away."""
        at = self.fix.position
        if self.truth is None or at is None:
            return self.truth is None and at is None
        return self.error_m is not None and at.radius_m is not None and self.error_m <= at.radius_m


def write_report(target: Path, town: Town, surveyed: Sequence[View], asked: Sequence[Asked]) -> None:
    """Write the page. Pictures are inside it, so that it can be mailed as it is."""
    inside = [each for each in asked if each.truth is not None]
    outside = [each for each in asked if each.truth is None]
    errors = sorted(each.error_m for each in inside if each.error_m is not None)
    figures = [
        (f"{len(surveyed)}", "photos in the map"),
        (f"{sum(each.right for each in inside)} of {len(inside)}", "found within their radius"),
        (f"{errors[len(errors) // 2]:.1f} m" if errors else "none", "median error of those found"),
        (f"{sum(each.right for each in outside)} of {len(outside)}", "photos of another town sent away"),
    ]
    shown = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for value, name in figures)
    cards = "".join(card(number, each) for number, each in enumerate(asked, start=1))
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>viewfix demo</title>'
        f"<style>{STYLE}</style><h1>A small town, mapped and searched</h1>"
        '<p class="soft">Every picture was drawn by viewfix. The map was built and the photos were located by the same '
        "functions that your own photos go through.</p>"
        f'<div class="figures">{shown}</div>{plan_svg(town, surveyed, asked)}'
        '<p class="soft">Grey: photos of the map, with a tick where they look. Numbered: queries, from where they were '
        "taken to where they were found, with the radius of the fix.</p>"
        f"{cards}<h2>Your own photos</h2><p><code>viewfix build my.map PATH/TO/YOUR/PHOTOS</code> and then "
        "<code>viewfix locate my.map PHOTO</code></p></html>"
    )
    target.write_text(page, encoding="utf-8")


def card(number: int, asked: Asked) -> str:
    """One query beside its best match, with the numbers, as HTML."""
    fix, mark = asked.fix, "good" if asked.right else "bad"
    if fix.position is None:
        verdict = "not in this map" + ("" if asked.truth is None else f", though it was taken at {_at(asked.truth)}")
    elif asked.error_m is None:
        verdict = f"found at {_at(fix.position)}, but it was taken in another town"
    else:
        verdict = f"found {asked.error_m:.1f} m from the truth, radius {fix.position.radius_m or 0:.0f} m"
    best = "" if not fix.candidates else _figure(Path(fix.candidates[0].photo.source), _caption(fix.candidates[0]))
    return (
        f'<div class="card"><h2>{number}. {html.escape(asked.view.story)}: <span class="{mark}">{html.escape(verdict)}'
        f"</span></h2><p>Probability {fix.confidence:.2f}. <span class='soft'>{html.escape(fix.reason)}.</span></p>"
        f'<div class="pair">{_figure(asked.file, f"The query, {asked.file.name}")}{best}</div></div>'
    )


def plan_svg(town: Town, surveyed: Sequence[View], asked: Sequence[Asked]) -> str:
    """The town from above: houses, photos of the map, and every query with its fix, as an SVG element."""
    half = town.plan.half_m
    parts = [
        f'<svg viewBox="{-half:.0f} {-half:.0f} {2 * half:.0f} {2 * half:.0f}" role="img" '
        'aria-label="Plan of the town with photos, queries and fixes">'
    ]
    for lot in town.plan.lots:
        corners = " ".join(f"{x:.1f},{-y:.1f}" for x, y in lot.footprint)
        parts.append(f'<polygon points="{corners}" fill="var(--house)" stroke="var(--line)" stroke-width=".4"/>')
    for view in surveyed:
        x, y, angle = view.east_m, -view.north_m, math.radians(view.heading_deg)
        ahead = f'x2="{x + 2.2 * math.sin(angle):.1f}" y2="{y - 2.2 * math.cos(angle):.1f}"'
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" {ahead} stroke="var(--photo)" stroke-width=".5"/>')
    for number, each in enumerate(asked, start=1):
        if each.truth is not None:
            parts.append(_query_svg(town, number, each))
    return "".join([*parts, "</svg>"])


def _query_svg(town: Town, number: int, asked: Asked) -> str:
    x, y = asked.view.east_m, -asked.view.north_m
    ink = "var(--good)" if asked.right else "var(--bad)"
    drawn = ""
    if asked.fix.position is not None:
        found_x, north = town.metres(asked.fix.position)
        found_y, radius_m = -north, asked.fix.position.radius_m or 0
        drawn = (
            f'<circle cx="{found_x:.1f}" cy="{found_y:.1f}" r="{radius_m:.1f}" fill="{ink}" fill-opacity=".06" '
            f'stroke="{ink}" stroke-width=".3"/><line x1="{x:.1f}" y1="{y:.1f}" x2="{found_x:.1f}" y2="{found_y:.1f}" '
            f'stroke="{ink}" stroke-width=".8"/><circle cx="{found_x:.1f}" cy="{found_y:.1f}" r="1.2" fill="{ink}"/>'
        )
    return (
        f'{drawn}<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{ink}"/><text x="{x:.1f}" y="{y + 1.5:.1f}" '
        f'font-size="4.4" text-anchor="middle" fill="var(--paper)" font-family="system-ui">{number}</text>'
    )


def _caption(candidate: Candidate) -> str:
    photo = candidate.photo
    return f"The best match, {photo.id}, similarity {candidate.similarity:.2f}, at {_at(photo.position)}"


def _at(position: Position) -> str:
    return f"{position.lat:.6f}, {position.lon:.6f}"


def _figure(file: Path, caption: str) -> str:
    with Image.open(file) as picture:
        small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    packed = io.BytesIO()
    small.save(packed, "JPEG", quality=82)
    data = base64.b64encode(packed.getvalue()).decode()
    text = html.escape(caption, quote=True)
    return f'<figure><img src="data:image/jpeg;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'
