"""Render an HTML report from its Jinja2 template, as one self-contained file."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import __version__
from . import formatting

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, *, credits: Iterable[str | None] = (), **values: Any) -> str:
    """A page as text, ready to be written as UTF-8.

    Every value is escaped. The lone surrogates in a file name that is not UTF-8, which no page can contain, become
    question marks.

    Args:
        template: a path inside the package, such as "explain/page.html"; it extends "reports/base.html".
        credits: the credits of the photos that the page shows; each is listed once, None is left out.
        values: the values for the template.
    """
    named = list(dict.fromkeys(filter(None, credits)))
    page: str = _environment().get_template(template).render(credits=named, viewfix_version=__version__, **values)
    return page.encode("utf-8", "replace").decode("utf-8")


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # 30 ms that only a report has to pay

    environment = Environment(
        loader=PackageLoader("viewfix", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        units=formatting.units,
        place=formatting.place,
        metres=formatting.length,
        percent=formatting.percent,
        counted=formatting.counted,
    )
    return environment
