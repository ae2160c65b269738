"""Checks of single values that were read from a pack; docs/spec/pack.md lists them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from ..errors import BadInput

LONGEST_TEXT = 100_000


def refuse(what: str) -> NoReturn:
    """Raise BadInput for a pack that breaks a rule."""
    raise BadInput(f"This pack is damaged: {what}. Copy the whole folder again, or write it again with: viewfix pack")


def parsed(content: bytes, name: str) -> Any:
    """The value of a JSON text; NaN and Infinity, which are not JSON, are refused."""
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        refuse(f"{name} is not JSON ({str(error)[:80]})")


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def object_of(value: Any, name: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        refuse(f"{name} is not an object")
    return value


def list_of(value: Any, name: str, length: int | None = None, *, most: int = 1_000_000) -> list[Any]:
    """A JSON array, of exactly `length` values where that is known."""
    if not isinstance(value, list) or len(value) > most or (length is not None and len(value) != length):
        refuse(f"{name} is not a list of {f'at most {most}' if length is None else length} values")
    return value


def text_of(value: Any, name: str, longest: int = LONGEST_TEXT) -> str:
    """A text of bounded length."""
    if not isinstance(value, str) or len(value) > longest:
        refuse(f"{name} is not a text of at most {longest} characters")
    return value


def text_or_none(value: Any, name: str) -> str | None:
    """A text, or null."""
    return None if value is None else text_of(value, name)


def integer_of(value: Any, name: str, least: int, most: int) -> int:
    """An integer from `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        refuse(f"{name} is {str(value)[:40]}, not an integer from {least} to {most}")
    return value


def number_of(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number from `least` to `most`."""
    is_number = type(value) in (int, float) and abs(value) < 1e308
    if not is_number or not least <= value <= most:
        refuse(f"{name} is {str(value)[:40]}, not a number from {least:g} to {most:g}")
    return float(value)
