"""A file of hashed keys goes in; who a key belongs to, and what it may do, comes out."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput

RIGHTS = ("read", "write")
LOOK_AGAIN_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key it is, the SHA-256 of the key, and its rights. The key itself is nowhere.

    A plain hash is enough: a key has 256 random bits, which nobody guesses, slowly or quickly.
    """

    name: str
    sha256: str
    rights: frozenset[str]


class Keys:
    """The keys of a file, read again when the file changes: a key that is taken out is refused within a second.

    Raises:
        BadInput: there is no such file, or it is none of keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._keys, self._stamp, self._looked_at = _read(path), _stamp(path), time.monotonic()

    def of(self, given: str) -> Key | None:
        """The key that was given, None when it is not one of them."""
        told = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for key in self._current():  # all of them, each in constant time: how long it takes tells nothing
            if hmac.compare_digest(key.sha256, told):
                found = key
        return found

    def _current(self) -> tuple[Key, ...]:
        with self._lock:
            if time.monotonic() - self._looked_at > LOOK_AGAIN_S:
                self._looked_at = time.monotonic()
                stamp = _stamp(self._path)
                if stamp != self._stamp:
                    # A file that cannot be read now lets nobody in: it may have been changed to take a key out.
                    try:
                        self._keys = _read(self._path)
                    except BadInput:
                        self._keys = ()
                    self._stamp = stamp
            return self._keys


def new_key(path: Path, name: str, *, write: bool = False) -> str:
    """Make a key, add its hash to the file (made if need be, readable to its owner only), and return the key.

    Raises:
        BadInput: the name is taken or unusable, or the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be the name of a key. Use up to 64 letters, digits, dots, hyphens.")
    if path.exists() and any(key.name == name for key in _read(path)):
        raise BadInput(f"{path} has a key for {name} already. Take its block out first, or choose another name.")
    key = f"vf_{secrets.token_urlsafe(32)}"
    rights = '["read", "write"]' if write else '["read"]'
    block = f'[[key]]\nname = "{name}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\nrights = {rights}\n\n'
    try:
        path.touch(mode=0o600, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(block)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}). Name another file with --keys.") from None
    return key


def _read(path: Path) -> tuple[Key, ...]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        blocks = found.get("key", [])
        return tuple(_key(block, path) for block in blocks)
    except FileNotFoundError:
        raise BadInput(f"There is no file of keys at {path}. Make one: viewfix serve-key NAME --keys {path}") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is no file of keys ({error}). Make one: viewfix serve-key NAME --keys FILE") from None


def _key(block: dict[str, Any], path: Path) -> Key:
    name, told, rights = block.get("name"), block.get("sha256"), block.get("rights", ["read"])
    if not isinstance(name, str) or not isinstance(told, str) or not _HASH.fullmatch(told):
        raise BadInput(f"{path} has a key without a name or without its sha256 of 64 hex digits. Make it anew.")
    if not isinstance(rights, list) or not set(rights) <= set(RIGHTS):
        raise BadInput(f"{path} gives {name} the rights {rights!r}. There are: {', '.join(RIGHTS)}.")
    return Key(name, told, frozenset(rights))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size
