"""Turn restrictions: which turns at a junction are forbidden, by OpenStreetMap's relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..pois.osm_elements import Element
from .access import AGAINST, ALONG, CYCLE, DRIVE
from .pieces import RoadPiece

MOST_RULES = 1_000_000
TURN_CYCLE, TURN_DRIVE = 1, 2
"""The bits that say for whom a turn is forbidden."""

_FOR_ALL = ("restriction",)
_FOR_CARS = ("restriction:motorcar", "restriction:motor_vehicle")
_TIMES = ("day_on", "hour_on", "date_on", "opening_hours")
_MODES = {TURN_CYCLE: CYCLE, TURN_DRIVE: DRIVE}


@dataclass(frozen=True, slots=True)
class TurnRule:
    """A restriction: at the node `via`, the turn from one way into another is forbidden, or the only one allowed."""

    from_way: int
    via: int
    to_way: int
    is_only: bool
    modes: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A forbidden turn. The piece `come` is travelled along (or against) its direction and ends at the junction."""

    come: int
    is_along: bool
    go: int
    modes: int


def rule_of(relation: Element) -> TurnRule | None:
    """The rule of a relation at one node; None if it is another kind of relation, or leads over a way."""
    tags = relation.tags
    modes = TURN_CYCLE | TURN_DRIVE
    value = next((tags[key] for key in _FOR_ALL if key in tags), None)
    if value is None:
        modes, value = TURN_DRIVE, next((tags[key] for key in _FOR_CARS if key in tags), None)
    excepted = tags.get("except", "").replace(" ", "").split(";")
    modes &= ~TURN_CYCLE if "bicycle" in excepted else -1
    modes &= ~TURN_DRIVE if {"motorcar", "motor_vehicle"} & set(excepted) else -1
    if value is None or not value.startswith(("no_", "only_")) or not modes:
        return None
    if not tags.keys().isdisjoint(_TIMES):  # it holds at some hours only, and a route has no time of day
        return None
    parts = [[each for each in relation.members if each.role == role] for role in ("from", "via", "to")]
    if any(len(part) != 1 for part in parts):
        return None
    (come,), (via,), (go,) = parts
    if (come.type, via.type, go.type) != ("way", "node", "way"):
        return None
    return TurnRule(come.ref, via.ref, go.ref, value.startswith("only_"), modes)


def forbidden_turns(rules: Iterable[TurnRule], pieces: Sequence[RoadPiece]) -> list[Turn]:
    """The turns between pieces that the rules forbid. A rule whose ways are ambiguous at its node is left out."""
    rules = list(rules)
    vias = {rule.via for rule in rules}
    at: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)  # (piece, whether it ends there)
    for number, piece in enumerate(pieces):
        if piece.end in vias:
            at[piece.end].append((number, True))
        if piece.start in vias:
            at[piece.start].append((number, False))
    found: dict[tuple[int, bool, int], int] = {}
    for rule in rules:
        around = at[rule.via]
        come = [each for each in around if _way_at(pieces, each) == rule.from_way]
        go = [each for each in around if _way_at(pieces, each) == rule.to_way]
        if len(come) != 1 or len(go) != 1 or come == go:
            continue
        wrong = [each for each in around if each not in (*come, *go)] if rule.is_only else go
        for each in wrong:
            key = (*come[0], each[0])
            modes = rule.modes & _passable(pieces, come[0], each)
            if modes and each[0] != come[0][0]:
                found[key] = found.get(key, 0) | modes
    return [Turn(*key, modes) for key, modes in sorted(found.items())]


def _way_at(pieces: Sequence[RoadPiece], end: tuple[int, bool]) -> int:
    piece = pieces[end[0]]
    return piece.last_way if end[1] else piece.first_way


def _passable(pieces: Sequence[RoadPiece], come: tuple[int, bool], go: tuple[int, bool]) -> int:
    """The bits of those who could make a turn if no rule forbade it."""
    arrive = pieces[come[0]].access & (ALONG if come[1] else AGAINST)
    leave = pieces[go[0]].access & (AGAINST if go[1] else ALONG)
    return sum(bit for bit, mask in _MODES.items() if arrive & mask and leave & mask)
