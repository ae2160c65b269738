"""The maps of a service, by name: opened once, followed when another process changes or replaces them."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote

import numpy as np

from ..errors import BadInput, ModelMismatch, StorageFailed
from ..map import Map
from ..models.model import Model
from ..store.engines import with_statement_limit
from ..store.store import Address, Place
from ..types import Photo
from .errors import not_found
from .logs import log

Result = TypeVar("Result")

CHECK_S = 1.0
"""How often a map's file is looked at, to see whether another one has taken its place."""

AGAIN_S = 30.0
"""After this a file that could not be used is tried again, even if it did not change."""


class _Open:
    """An open map and how many requests use it; a map that was replaced is closed by the last of them."""

    def __init__(self, city: Map, stamp: object) -> None:
        self.city, self.stamp = city, stamp
        self.users = 0
        self.is_retired = False


class ServedMap:
    """One map that is served: loaded once, shared by all threads.

    Args:
        name: what clients call it.
        address: where it is.
        model: a custom model's file, where the map needs one.
        statement_s: how long a database may take for one statement of a request.
    """

    def __init__(self, name: str, address: Address, model: str | None, statement_s: float) -> None:
        self.name, self.address, self._model = name, address, model
        self._reading_address = with_statement_limit(address, statement_s)
        self._lock = threading.Lock()
        self._reopening = threading.Lock()
        self._current = self._opened(model)
        self._refused: object = None
        self._refused_at = 0.0
        self.writing = threading.Lock()
        self.photos = len(self._current.city)
        """How many photos the map had when that was last asked; for metrics, which never wait for a database."""

    def _opened(self, model: Model | str | None) -> _Open:
        stamp = _stamp(self.address)
        city = Map.open(self._reading_address, model=model)
        try:
            # Whatever is loaded at the first query is loaded now, so that no client waits for it.
            city.locate(np.zeros((32, 32, 3), np.uint8), verify="off")
            if (verifier := city.context.verifier) is not None:
                verifier.model.load()
        except BaseException:
            city.close()
            raise
        return _Open(city, stamp)

    @contextlib.contextmanager
    def use(self) -> Iterator[Map]:
        """The map that is served now; it stays open as long as the block lasts, even if it is replaced meanwhile."""
        with self._lock:
            current = self._current
            current.users += 1
        try:
            yield current.city
        finally:
            with self._lock:
                current.users -= 1
                done = current.is_retired and current.users == 0
            if done:
                current.city.close()

    def ask(self, question: Callable[[Map], Result]) -> Result:
        """Ask the map; once more, if it was migrated to another model while it was open."""
        try:
            with self.use() as city:
                return question(city)
        except ModelMismatch:
            self.reopen()
            with self.use() as city:
                return question(city)

    def follow(self) -> None:
        """Open the file that has taken the place of the map's, if one has and it is whole.

        Until then the map that was is served. A file that was refused is tried again when it changes.
        """
        stamp = _stamp(self.address)
        if stamp is None or stamp == self._current.stamp:
            return
        if stamp == self._refused and time.monotonic() - self._refused_at < AGAIN_S:
            return
        if _inode(stamp) == _inode(self._current.stamp):
            self._current.stamp = stamp  # the same file, written by another process: the open map sees that itself
            return
        try:
            _check_whole(self.address)
            self.reopen()
            self._refused = None
            log.info("map replaced", extra={"about": {"map": self.name}})
        except Exception as error:  # a damaged file may raise anything; it must never end the watch
            self._refused, self._refused_at = stamp, time.monotonic()
            log.error(
                "the file that replaced the map %s cannot be used, the old one is served on: %s", self.name, error
            )

    def reopen(self) -> None:
        """Open the map again; on failure the one that was open is served on."""
        with self._reopening:
            try:
                fresh = self._opened(self._current.city.model)  # loaded again, it would take its memory twice
            except ModelMismatch:
                fresh = self._opened(self._model)
            with self._lock:
                before, self._current = self._current, fresh
                before.is_retired = True
                done = before.users == 0
            if done:
                before.city.close()

    def probe(self) -> None:
        """Ask a real query.

        Raises:
            ViewfixError: the map cannot be asked at the moment.
        """

        def question(city: Map) -> int:
            descriptor = np.zeros(city.store.model.dim, np.float32)
            descriptor[0] = 1.0
            city.locate_descriptor(descriptor, k=1)
            return len(city)

        self.photos = self.ask(question)

    def photo(self, photo_id: str) -> Photo:
        """The photo of this id; 404 where the map has none."""
        found = self.ask(lambda city: city.store.known([photo_id])).get(photo_id)
        if found is None:
            raise not_found("photo", f"The map {self.name} has no photo with the id {photo_id!r}.")
        return found.photo

    def close(self) -> None:
        """Close the map, as soon as no request uses it."""
        with self._lock:
            self._current.is_retired = True
            done = self._current.users == 0
        if done:
            self._current.city.close()


class MapRegistry:
    """The maps of one service, by name, and the thread that follows their files.

    Raises:
        NotAMap: there is no map at one of the places.
        BadInput: there are none, or two have one name.
    """

    def __init__(self, places: Sequence[Place], model: str | None = None, *, statement_s: float = 20.0) -> None:
        if not places:
            raise BadInput("No map was given. Name one or more: viewfix serve CITY.map")
        addresses: dict[str, Address] = {}
        for address in map(Address.of, places):
            name = address.name.removesuffix(".map")
            if name in addresses:
                raise BadInput(f"Two maps are called {name}: {addresses[name]} and {address}. Rename one of them.")
            addresses[name] = address
        self._by_name = {name: ServedMap(name, address, model, statement_s) for name, address in addresses.items()}
        self._stop = threading.Event()

    def all(self) -> list[ServedMap]:
        return list(self._by_name.values())

    def get(self, name: str | None) -> ServedMap:
        """The map of this name; without a name the only one, where there is only one."""
        if name is None and len(self._by_name) == 1:
            return next(iter(self._by_name.values()))
        if name is None or name not in self._by_name:
            known = ", ".join(self._by_name)
            seen = "The request names no map" if name is None else f"There is no map called {name!r}"
            raise not_found("map", f"{seen}. Choose one with ?map=NAME; there are: {known}.")
        return self._by_name[name]

    def follow(self) -> None:
        """Watch the files of the maps, in a thread, until `close`."""

        def watch() -> None:
            while not self._stop.wait(CHECK_S):
                for served in self.all():
                    served.follow()

        threading.Thread(target=watch, name="follow-maps", daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        for served in self.all():
            served.close()


def _stamp(address: Address) -> tuple[int, int, int, int] | None:
    """Which file is there, and in which state; None where there is none, or the map is not a file."""
    if (file := address.file) is None:
        return None
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _inode(stamp: object) -> object:
    return stamp[:2] if isinstance(stamp, tuple) else stamp


def _check_whole(address: Address) -> None:
    """Read the whole file, as SQLite checks it: a damaged page may lie where no query of a start comes by."""
    assert address.file is not None
    uri = f"file:{quote(str(address.file.absolute()))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10.0)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise StorageFailed(f"it is damaged, or not a map ({error})") from None
    if found is None or found[0] != "ok":
        raise StorageFailed(f"it is damaged ({' '.join(str(found and found[0]).split())[:200]})")
