"""Make a layer or a loss by name, with its hyper-parameters checked."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..errors import BadInput

T = TypeVar("T")


def made(kind: str, makers: Mapping[str, Callable[..., T]], name: str, fixed: Mapping[str, Any], **hyper: Any) -> T:
    """`makers[name](**fixed, **hyper)`, with the hyper-parameters checked first.

    Args:
        kind: what `makers` make, for the messages: "aggregation layer", "loss".
        fixed: arguments from our own code, not checked.
        hyper: what a recipe asked for. The default of a parameter says what is allowed: whole numbers of at
            least 1, numbers of at least 0, as many whole numbers as the default has.

    Raises:
        BadInput: no such name, no such hyper-parameter (with the closest that there is), or a value of the wrong kind.
    """
    if name not in makers:
        raise BadInput(f"There is no {kind} called {name!r}. {_hint(name, makers, 'There are')}")
    parameters = {k: p for k, p in inspect.signature(makers[name]).parameters.items() if k not in fixed}
    values = {}
    for key, value in hyper.items():
        if key not in parameters:
            raise BadInput(f"The {kind} {name} has no parameter {key!r}. {_hint(key, parameters, 'It has')}")
        values[key] = _like(parameters[key].default, value, what=f"{key} of the {kind} {name}")
    return makers[name](**fixed, **values)


def _hint(word: str, words: Iterable[str], listing: str) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"{listing}: {', '.join(words) or 'none'}."


def _like(default: Any, value: Any, *, what: str) -> Any:
    """The value as the parameter takes it; a file of TOML brings lists for tuples and 1 for 1.0."""
    if isinstance(default, tuple):
        if isinstance(value, (list, tuple)) and len(value) == len(default):
            return tuple(_like(d, v, what=what) for d, v in zip(default, value, strict=True))
        wanted = f"{len(default)} whole numbers"
    elif isinstance(default, bool):
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    elif isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        wanted = "a whole number of at least 1"
    else:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
            return float(value)
        wanted = "a number of at least 0"
    raise BadInput(f"{what} is {value!r}. It must be {wanted}; the usual value is {default!r}.")
