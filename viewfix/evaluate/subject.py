"""The subject of an evaluation: a model or a map, passed as an object, a name or a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..map import Map
from ..models import catalogue
from ..models.model import Model
from ..store.address import Address
from ..store.engines import ENGINES
from ..types import Progress, silent

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of an evaluation: its name, its model, and the map itself if it is a map."""

    title: str
    model: Model
    map: Map | None


@contextlib.contextmanager
def open_subject(subject: Model | Map | str | Path, progress: Progress = silent) -> Iterator[Subject]:
    """Open a model or a map; it is closed at the end of the block if it was opened here.

    Raises:
        UnknownModel: no model has that name.
        NotAMap: there is no map at a path that ends in .map.
    """
    if isinstance(subject, Model):
        yield Subject(subject.name, subject, None)
    elif isinstance(subject, Map):
        yield Subject(subject.address.name, subject.model, subject)
    elif is_map(subject):
        with Map.open(subject, progress=progress) as city:
            yield Subject(city.address.name, city.model, city)
    else:
        yield Subject(str(subject), catalogue.load(subject, threads=1), None)


def is_map(subject: str | Path) -> bool:
    """Whether this is a map rather than a model: a URL of a map, a path that ends in .map, or an SQLite file."""
    path = Path(subject)
    if path.suffix == ".map" or Address.of(subject).scheme in set(ENGINES) - {""}:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False
