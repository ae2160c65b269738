"""Coverage goes in; one HTML page comes out that needs nothing else: figures, a plan, lists, pictures."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import words
from .findings import Coverage, LookAlike, Seen, Spot, State, Suggestion
from .pictures import thumbnail
from .plan import LETTERS, STYLE, legend_mark, plan_svg

ROWS = 50
"""Of a table; the GeoJSON holds all of them."""

TITLES = {
    "gap": "A gap",
    "not found": "Not found",
    "alone": "Alone",
    "directions": "A direction is missing",
}

PAGE_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22252a; --soft: #5f646c; --line: #d9d6cd; --house: #e4dfd3;
  --road: #f4f2ec; --good: #17705a; --bad: #b3392f; --photo: #8d8a80; --pair: #6a3fa0 }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --ink: #e8e6e1; --soft: #9aa0a8; --line: #33373d;
  --house: #2a2e34; --road: #1e2125; --good: #5cc3a2; --bad: #f08a7e; --photo: #6d7076; --pair: #c3a3f0 } }
* { box-sizing: border-box } body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.6rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem } h3 { font-size: 1rem; margin: 0 }
a { color: inherit } .soft { color: var(--soft) } p { max-width: 46rem }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .8rem 1.2rem;
  margin: 1.2rem 0 } .figures b { display: block; font-size: 1.5rem; line-height: 1.2 }
.plan > svg { display: block; width: 100%; height: auto; max-height: 56rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--road) }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; list-style: none; font-size: .9rem }
.key { width: 1.1em; height: 1.1em; vertical-align: -.15em } .dash { display: inline-block; width: 1.8em;
  border-top: 2px dashed var(--pair); vertical-align: .25em } .dots { border-top: 3px dotted var(--ink) }
ol.next { padding-left: 1.6rem } ol.next li { margin: .5rem 0 } ol.next b { font-weight: 600 }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: 1rem 0 }
.both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: .8rem }
figure { margin: .5rem 0 0 } img { width: 100%; height: auto; border-radius: .3rem; display: block }
.none { padding: 2rem 1rem; background: var(--house); border-radius: .3rem; text-align: center }
figcaption { font-size: .9rem } .wide { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap } td.n { font-variant-numeric: tabular-nums } caption { text-align: left }
"""


def page(coverage: Coverage) -> str:
    """The page as text. Pictures are inside it, without their EXIF, so that it can be mailed as it is."""
    name = html.escape(Path(coverage.map).name)
    plan, side_m = plan_svg(coverage)
    body = [
        f"<h1>Where {name} finds photos</h1><p class='soft'>{_how(coverage)}</p>",
        _figures(coverage),
        f"<h2>Plan</h2><div class='plan'>{plan}</div>{_legend(coverage, side_m)}",
        _next(coverage.suggestions),
        _look_alikes(coverage.look_alikes),
        _doubtful(coverage.spots),
        _gaps(coverage),
        _directions(coverage),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Coverage of {name}</title><style>{PAGE_STYLE}{STYLE}</style><main>{''.join(body)}</main></html>"
    )


def _how(coverage: Coverage) -> str:
    return html.escape(
        f"{words.asked(coverage).capitalize()}, with everything that stands within 5 m, and looked for among the "
        f"others. Found means: answered with a probability of {coverage.least_confidence:.2f} or more, within "
        f"{coverage.radius_m:.0f} m of the truth. A visitor who stands where the map has a photo fares better."
    )


def _figures(coverage: Coverage) -> str:
    figures = [
        (f"{coverage.photos:,}", f"photos on {words.counted(len(coverage.spots), 'spot')}"),
        (words.percent(coverage.share_found), f"found: {coverage.found:,} of {coverage.asked - coverage.alone:,}"),
        (f"{coverage.doubtful:,}", f"doubtful, {coverage.misled:,} of them placed elsewhere"),
        (f"{coverage.alone:,}", "alone: nothing near to be found by, so unknown"),
        (f"{len(coverage.look_alikes):,}", "pairs of places that look alike"),
        (f"{len(coverage.gaps):,}", "gaps in streets"),
        (f"{coverage.spots_missing:,}", "spots lack a direction"),
        (f"{coverage.headless:,}", "photos without heading"),
    ]
    shown = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for value, name in figures)
    return f'<div class="figures">{shown}</div>'


def _legend(coverage: Coverage, side_m: float) -> str:
    said: dict[State, str] = {
        "found": "found: three in four photos or more",
        "doubtful": "doubtful: fewer",
        "alone": "alone: cannot be checked",
        "unasked": "not in the sample",
    }
    there = {spot.state for spot in coverage.spots}
    items = [f"{legend_mark(state)} {text}" for state, text in said.items() if state in there]
    if coverage.look_alikes:
        items.append('<span class="dash"></span> look alike, the worst; letters as below')
    if coverage.gaps:
        items.append('<span class="dash dots"></span> gap')
    if coverage.suggestions:
        items.append("pins: what to photograph next, an arrow where the direction matters")
    if side_m:
        items.append(f"one mark stands for all spots within a square of {side_m:.0f} m")
    return f'<ul class="legend">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def _next(suggestions: Sequence[Suggestion]) -> str:
    if not suggestions:
        return "<h2>What to photograph next</h2><p>Nothing stands out.</p>"
    items = "".join(
        f"<li><b>{TITLES[each.kind]}</b>, {_place(each)}, {words.way(each.heading_deg)}: "
        f"{html.escape(each.reason)} <span class='soft'>({words.gain(each)})</span></li>"
        for each in suggestions
    )
    return (
        f"<h2>What to photograph next</h2><p class='soft'>The most worth first. The gain is a rough count: spots that "
        f"would be found, or would be there, and are not now.</p><ol class='next'>{items}</ol>"
    )


def _place(each: Suggestion) -> str:
    lat, lon = each.position.lat, each.position.lon
    return f'<a href="geo:{lat:.6f},{lon:.6f}">{words.at(each.position)}</a>'


def _look_alikes(pairs: Sequence[LookAlike]) -> str:
    if not pairs:
        return "<h2>Places that look alike</h2><p>None were found.</p>"
    cards = "".join(_card(name, pair) for name, pair in zip(LETTERS, pairs, strict=False))
    rest = [
        (each.asked.photo, each.rival.photo, f"{each.apart_m:.0f} m", f"{each.similarity:.2f}", _lead(each))
        for each in pairs[len(LETTERS) :][:ROWS]
    ]
    heads = ("photo", "looks like", "away", "similarity", "right place")
    return (
        f"<h2>Places that look alike</h2><p class='soft'>{words.counted(len(pairs), 'pair')}, the worst first: a photo "
        "left out, and one far away that resembles it as much as its own surroundings do, or more.</p>"
        f"{cards}{_table('More pairs', heads, rest)}"
    )


def _lead(pair: LookAlike) -> str:
    return "not among the candidates" if pair.right is None else f"{pair.right:.2f}"


def _card(name: str, pair: LookAlike) -> str:
    verdict = "The wrong place is ahead" if pair.wins else "The wrong place is close behind"
    often = f"; {words.counted(pair.photos, 'photo')} of these two places" if pair.photos > 1 else ""
    right = "is not among the candidates" if pair.right is None else f"has {pair.right:.2f}"
    return (
        f'<div class="card"><h3>{name}. {verdict}, {pair.apart_m:.0f} m away</h3>'
        f"<div>Similarity {pair.similarity:.2f}; the right place {right}{often}.</div>"
        f'<div class="both">{_figure(pair.asked, "Left out")}{_figure(pair.rival, "Taken for it")}</div></div>'
    )


def _figure(seen: Seen, what: str) -> str:
    caption = html.escape(f"{what}: {seen.photo}, {words.at(seen.position)}", quote=True)
    data = thumbnail(seen.source)
    picture = (
        f'<img src="{data}" alt="{caption}">' if data else '<div class="none soft">The picture cannot be read.</div>'
    )
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _doubtful(spots: Sequence[Spot]) -> str:
    doubtful = [spot for spot in spots if spot.state == "doubtful"]
    if not doubtful:
        return ""
    doubtful.sort(key=lambda spot: (spot.share_found or 0.0, spot.probability or 0.0))
    rows = [
        (spot.photo, words.at(spot.position), f"{spot.found} of {spot.asked - spot.alone}", f"{spot.misled}",
         "" if spot.probability is None else f"{spot.probability:.2f}",
         "" if spot.nearest_m is None else f"{spot.nearest_m:.0f} m")
        for spot in doubtful[:ROWS]
    ]  # fmt: skip
    heads = ("first photo", "position", "found", "placed elsewhere", "mean probability", "next spot")
    return f"<h2>Spots in doubt</h2>{_table(_of('spot', len(rows), len(doubtful)), heads, rows)}"


def _gaps(coverage: Coverage) -> str:
    if not coverage.gaps:
        return ""
    rows = [
        (f"{gap.length_m:.0f} m", words.at(gap.start), words.at(gap.end), f"{gap.missing}")
        for gap in coverage.gaps[:ROWS]
    ]
    usual = "" if coverage.spacing_m is None else f" The next spot is usually {coverage.spacing_m:.0f} m away."
    table = _table(_of("gap", len(rows), len(coverage.gaps)), ("length", "from", "to", "spots missing"), rows)
    return f"<h2>Gaps in streets</h2><p class='soft'>The street goes on straight at both ends.{usual}</p>{table}"


def _directions(coverage: Coverage) -> str:
    lacking = [spot for spot in coverage.spots if spot.missing]
    said = f"<h2>Directions</h2><p>{html.escape(words.looks(coverage).capitalize())}.</p>"
    if not lacking:
        return said
    lacking.sort(key=lambda spot: -len(spot.missing or ()))
    rows = [
        (spot.photo, words.at(spot.position), ", ".join(spot.missing or ()), f"{spot.headless}")
        for spot in lacking[:ROWS]
    ]
    heads = ("first photo", "position", "no photo within 15 m looks", "photos without heading")
    return f"{said}{_table(_of('spot', len(rows), len(lacking)), heads, rows)}"


def _of(noun: str, shown: int, total: int) -> str:
    return words.counted(total, noun) + ("" if shown == total else f", the first {shown}")


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td class=n>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    label = html.escape(caption, quote=True)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table><caption class="soft">{label}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
