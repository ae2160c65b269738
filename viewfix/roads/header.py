"""The header of a road graph in bytes: its counts, tables and credit, checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .access import CLASSES
from .graph import GATE, LONGEST_NAME, Kind

LONGEST_CREDIT = 1_000


@dataclass(frozen=True, slots=True)
class Header:
    """The checked header. `lon_ppm` is the length of a degree of longitude, in millionths of one of latitude."""

    version: int
    junctions: int
    edges: int
    turns: int
    lon_ppm: int
    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    attribution: str | None
    licence: str | None


def read_header(content: bytes, version: int, most: tuple[int, int, int]) -> Header:
    """Parse and check a header. `most` limits junctions, edges and turns.

    Raises:
        ValueError: a value breaks a rule of docs/spec/pack.md.
    """
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not JSON ({str(error)[:80]})") from error
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    junctions, edges = (_count(header, name, limit) for name, limit in zip(("junctions", "edges"), most, strict=False))
    turns = _count(header, "turns", most[2]) if version > 1 else 0
    lon_ppm = _count(header, "lon_ppm", 1_000_000) if version > 1 else 0
    credit = _text(header, "attribution"), _text(header, "licence")
    return Header(version, junctions, edges, turns, lon_ppm, _kinds(header), _names(header), *credit)


def _count(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is {str(value)[:40]}, not an integer from 0 to {most}")
    return value


def _kinds(header: dict[str, Any]) -> tuple[Kind, ...]:
    found = header.get("kinds")
    if not isinstance(found, list) or len(found) > 64 * (len(CLASSES) + 1):
        raise ValueError("kinds is not a list of the kinds of roads")
    for each in found:
        if not isinstance(each, list) or len(each) != 2 or type(each[1]) is not int or not 0 <= each[1] < 64:
            raise ValueError("a kind is not a class of roads and an access mask from 0 to 63")
        if each[0] != GATE and each[0] not in CLASSES:
            raise ValueError(f"{str(each[0])[:40]!r} is not a class of roads")
    return tuple(Kind(*each) for each in found)


def _names(header: dict[str, Any]) -> tuple[str, ...]:
    found: Sequence[Any] = header["names"] if isinstance(header.get("names"), list) else []
    if not found or found[0] != "" or not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in found):
        raise ValueError(
            f"names is not a list of texts of at most {LONGEST_NAME} characters that begins with an empty one"
        )
    return tuple(found)


def _text(header: dict[str, Any], name: str) -> str | None:
    value = header.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_CREDIT):
        raise ValueError(f"{name} is not a text of at most {LONGEST_CREDIT} characters")
    return value
