"""Convert values from TOML, JSON or the command line to the fields of a recipe."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from ..errors import BadInput

Option = bool | int | float | str | list[int]
"""What a hyper-parameter of a layer or a loss can be."""


def _branches(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def typed(name: str, value: Any, kind: Any, *, where: str) -> Any:
    """The value as its field holds it (a list becomes a tuple, a whole number a float), or BadInput."""
    branches = _branches(kind)
    if float in branches and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if tuple[str, ...] in branches and isinstance(value, list | tuple):
        if all(isinstance(each, str) for each in value):
            return tuple(value)
    elif Mapping[str, Option] in branches:
        if isinstance(value, Mapping) and all(isinstance(v, bool | int | float | str | list) for v in value.values()):
            return dict(value)
    elif type(value) in branches:  # not isinstance: True is not a number here
        return value
    raise BadInput(f"{where} sets {name} to {value!r}. It wants {_in_words(kind)}.")


def _in_words(kind: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", types.NoneType: "none"}
    return " or ".join(
        words.get(each, "a list of texts" if each == tuple[str, ...] else "a table of options")
        for each in _branches(kind)
    )


def from_text(key: str, text: str, kind: Any) -> Any:
    branches = _branches(kind)
    if types.NoneType in branches and text.lower() == "none":
        return None
    if tuple[str, ...] in branches:
        return tuple(each.strip() for each in text.split(",") if each.strip())
    value = plain(text) if str not in branches or int in branches else text
    if Mapping[str, Option] in branches:
        raise BadInput(f"--set {key}={text}: options are set one by one. Write --set {key}.NAME=VALUE.")
    return value


def plain(text: str) -> Option:
    """true, false, a whole number, a number, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
