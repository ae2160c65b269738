"""Paths or URLs of maps go in; each comes out open, by name, and is opened again when another takes its place."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from ..errors import BadInput, ModelMismatch, NotAMap
from ..locate.verify import Verifier
from ..map import Map
from ..store.store import Address, Place
from ..types import Photo
from .trouble import no_such

Result = TypeVar("Result")

LOOK_AGAIN_S = 1.0


class Served:
    """One map that is served: loaded once, shared by all threads."""

    def __init__(self, name: str, address: Address, model: str | None) -> None:
        self.name, self.address, self._model_choice = name, address, model
        self._lock = threading.Lock()
        self._city, self._file = self._opened()
        self._looked_at = time.monotonic()
        self.writing = threading.Lock()

    def _opened(self) -> tuple[Map, object]:
        file = _file_at(self.address)
        city = Map.open(self.address, model=self._model_choice)
        # Everything that is loaded when it is first needed is needed now: the first user must not wait for it.
        city.locate(np.zeros((32, 32, 3), np.uint8), verify="off")
        if (verifier := city.context.verifier) is not None:
            verifier.model.load()
        return city, file

    @property
    def city(self) -> Map:
        """The map that is at the address now."""
        if time.monotonic() - self._looked_at > LOOK_AGAIN_S:
            with self._lock:
                self._looked_at = time.monotonic()
                now = _file_at(self.address)
                if now is not None and now != self._file:
                    self._reopen()
        return self._city

    def _reopen(self) -> None:
        # Half a file may lie there for a moment: the map that was is served until the new one is whole. It is not
        # closed, for others are asking it; it goes when the last of them is done.
        with contextlib.suppress(NotAMap):
            self._city, self._file = self._opened()

    def ask(self, question: Callable[[Map], Result]) -> Result:
        """Ask the map; once more, when it was migrated to another model while it was open."""
        try:
            return question(self.city)
        except ModelMismatch:
            with self._lock:
                self._reopen()
            return question(self._city)

    def photo(self, photo_id: str) -> Photo:
        """The photo of this id; 404 when there is none."""
        found = self.city.store.known([photo_id]).get(photo_id)
        if found is None:
            raise no_such("photo", f"The map {self.name} has no photo with the id {photo_id!r}.")
        return found.photo

    def verifier(self) -> Verifier:
        """What holds photos against each other; 501 where there is no geometry on this machine."""
        verifier = self.city.context.verifier
        if verifier is None:
            raise BadInput("Photos cannot be held against each other on this server: it has no PoseLib.")
        return verifier

    def close(self) -> None:
        self._city.close()


class Maps:
    """The maps of one service, by name.

    Raises:
        NotAMap: one of them is none.
        BadInput: there is none, or two have one name.
    """

    def __init__(self, places: Sequence[Place], model: str | None = None) -> None:
        if not places:
            raise BadInput("No map was given. Name one or more: viewfix serve CITY.map")
        self._by_name: dict[str, Served] = {}
        for address in map(Address.of, places):
            name = address.name.removesuffix(".map")
            if name in self._by_name:
                raise BadInput(f"Two maps are called {name}: {self._by_name[name].address} and {address}. Rename one.")
            self._by_name[name] = Served(name, address, model)

    def all(self) -> list[Served]:
        return list(self._by_name.values())

    def get(self, name: str | None) -> Served:
        """The map of this name; the only one, where there is one and no name was given."""
        if name is None and len(self._by_name) == 1:
            return next(iter(self._by_name.values()))
        if name is None or name not in self._by_name:
            known = ", ".join(self._by_name)
            seen = "No map was named" if name is None else f"There is no map called {name!r}"
            raise no_such("map", f"{seen}. There are: {known}. Name one with ?map=")
        return self._by_name[name]

    def close(self) -> None:
        for served in self.all():
            served.close()


def _file_at(address: Address) -> object:
    """Which file is there: another one after a rename, the same one after it was written. None where there is none."""
    if (file := address.file) is None:
        return None
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino
