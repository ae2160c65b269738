"""What is measured: a model or a map, given as it is, by name or by file, is opened for as long as it is needed."""

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
    """What to call it, its model, and the map where it is one."""

    title: str
    model: Model
    own: Map | None


@contextlib.contextmanager
def opened_subject(subject: Model | Map | str | Path, progress: Progress = silent) -> Iterator[Subject]:
    """A model or a map; what is opened here is closed when the block ends.

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
    """Whether this names a map rather than a model: it ends in .map, or is a file that SQLite wrote."""
    path = Path(subject)
    if path.suffix == ".map" or Address.of(subject).scheme in set(ENGINES) - {""}:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False
