"""An explanation becomes one HTML page that needs nothing else: the answer, the pairs, the plan, the numbers."""

from __future__ import annotations

from ..types import Fix
from .explanation import Explanation
from .pairs import Anchor, Picture, absent, img, pair_html, stored
from .plan import plan_html
from .table import numbers_html
from .words import escaped, heading, length, place, probability

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22252a; --soft: #5d626a; --line: #d9d6cd; --house: #ece8de;
  --road: #f4f2ec; --good: #17705a; --bad: #b3392f; --photo: #8d8a80; --candidate: #1f5fa8 }
@media (prefers-color-scheme: dark) { :root { --paper: #17191c; --ink: #e8e6e1; --soft: #9aa0a8; --line: #33373d;
  --house: #2a2e34; --road: #1e2125; --good: #5cc3a2; --bad: #f08a7e; --photo: #7f838a; --candidate: #8ab8f0 } }
* { box-sizing: border-box } body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25 } h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem }
h3 { margin: 0 0 .7rem; font-size: 1.05rem }
.soft, .meaning { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: 1rem 0 }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: .8rem;
  align-items: start }
figure { margin: 0 } figcaption { margin-top: .3rem; font-size: .9rem }
img { width: 100%; height: auto; max-height: 30rem; object-fit: contain; object-position: left; display: block }
svg { display: block; width: 100%; height: auto }
.absent { margin: 0; padding: 1.5rem 1rem; border: 1px dashed var(--soft); border-radius: .3rem; color: var(--soft) }
.badge { display: inline-block; min-width: 1.6em; padding: 0 .35em; border-radius: 1em; text-align: center;
  background: var(--candidate); color: var(--paper) }
dl { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: .7rem 0 0 } dt { color: var(--soft) } dd { margin: 0 }
.lines { stroke: #ffd23f; stroke-width: 1.2; stroke-opacity: .7 } .rims { stroke: #111; stroke-width: 2.6;
  stroke-opacity: .3; fill: none } .lines *, .rims { vector-effect: non-scaling-stroke }
.ends { fill: none; stroke: #ffd23f; stroke-width: 4; stroke-linecap: round }
.ends.rim { stroke: #111; stroke-width: 6 }
.plan { max-width: 36rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--road) }
.plan text { font: 600 12px system-ui, sans-serif; text-anchor: middle } .note { fill: var(--ink) }
.number { fill: var(--paper) } .photos { fill: none; stroke: var(--photo); stroke-width: 3; stroke-linecap: round }
.radius, .wedge { fill: var(--good); fill-opacity: .12; stroke: var(--good); stroke-width: 1.2 }
.wedge { fill-opacity: .3 } .cross { stroke: var(--good); stroke-width: 2.4 }
.label, .candidate { fill: var(--candidate); stroke: var(--road) } .tick { stroke: var(--candidate); stroke-width: 2 }
.scale { fill: none; stroke: var(--ink); stroke-width: 1.5 } .north { fill: var(--ink) }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .6rem 0; padding: 0; list-style: none }
.key i { display: inline-block; width: .75em; height: .75em; margin-right: .5em; border-radius: 50% }
i.fix { border: 2px solid var(--good) } i.candidate { background: var(--candidate) }
i.photo { background: var(--photo) }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal }
th, td { padding: .45rem .6rem .45rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top }
th:first-child { text-align: left; overflow-wrap: anywhere } th { font-weight: 600 } td:last-child { width: 26% }
thead th { color: var(--soft); font-weight: 400; vertical-align: bottom } tfoot * { border-bottom: 0 }
th:last-child, td:last-child { padding-right: 0 } .meaning { display: block; font-weight: 400; font-size: .9rem }
.bar { height: .5rem; margin-top: .25rem; background: var(--house) }
.gauge { height: .9rem; border-radius: .3rem; background: var(--house) }
.bar path, .gauge path { stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke }
rect.for { fill: var(--good) } rect.against { fill: var(--bad) }
@media (max-width: 30rem) { .lines { stroke-width: .8 } .rims { stroke-width: 1.6 }
  .card { padding: .7rem } th, td { padding-right: .4rem; font-size: .9rem } }
@media print { .card { break-inside: avoid } }
"""

NOTHING_FROM_OUTSIDE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: its own pictures and its own style. Not a script, whatever a file may be called."""


def page(explanation: Explanation) -> str:
    """The whole page as text. Pictures are inside it, so that it can be mailed as it is."""
    query = stored(explanation.query)
    name = escaped(explanation.name)
    anchor = _anchor(explanation)
    pairs = "".join(pair_html(n, query, pair, anchor) for n, pair in enumerate(explanation.pairs, start=1))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_FROM_OUTSIDE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: {_answer(explanation.fix)}</title><style>{STYLE}</style></head><body><main>"
        f"{_headline(explanation, query)}"
        f"<h2>The photos it was held against</h2>{pairs or _NO_PAIRS}"
        f"<h2>The plan</h2>{plan_html(explanation)}"
        f"<h2>The numbers</h2>{numbers_html(explanation)}"
        "</main></body></html>"
    )


_NO_PAIRS = "<p>No photo of the map was held against this one.</p>"


def _anchor(explanation: Explanation) -> Anchor | None:
    if explanation.fix.position is not None:
        return Anchor(explanation.fix.position, "the fix")
    if explanation.pairs:
        return Anchor(explanation.pairs[0].candidate.photo.position, "the best candidate")
    return None


def _answer(fix: Fix) -> str:
    if fix.position is None:
        return "not in this map"
    within = "" if fix.position.radius_m is None else f", within {length(fix.position.radius_m)}"
    return f"{place(fix.position)}{within}, probability {probability(fix.confidence)}"


def _headline(explanation: Explanation, query: Picture) -> str:
    """The answer in words, and the query beside the photo that looks most like it."""
    fix, name = explanation.fix, escaped(explanation.name)
    looks = "" if fix.heading_deg is None else f" The camera looked to {heading(fix.heading_deg)}."
    if fix.found:
        answer, more = _answer(fix), f"Why: {escaped(fix.reason)}.{looks}"
    else:
        answer = "This photo is not in this map"
        shown = " What came nearest is shown as evidence, not as an answer." if explanation.pairs else ""
        more = f"Why: {escaped(fix.reason)}.{shown}"
    best = ""
    if explanation.pairs:
        pair = explanation.pairs[0]
        told = escaped(f"The best candidate, {pair.candidate.photo.id}")
        shown = absent(pair) if pair.picture is None else img(stored(pair.picture), "The best candidate")
        best = f"<figure>{shown}<figcaption>{told}</figcaption></figure>"
    return (
        f'<header><p class="soft">{name}</p><h1 class="{"good" if fix.found else "bad"}">{answer}</h1><p>{more}</p>'
        f'<div class="two"><figure>{img(query, "The query")}<figcaption>The query, {name}</figcaption></figure>'
        f"{best}</div></header>"
    )
