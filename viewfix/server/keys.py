"""Keys of a service: whose they are, and what they may do. A file keeps their hashes only."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shlex
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import write_whole

RIGHTS = ("read", "write")
CHECK_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a key, its SHA-256 and its rights. The key itself is stored nowhere.

    A plain hash is enough: a key has 256 random bits, which cannot be guessed at any speed.
    """

    name: str
    sha256: str
    rights: frozenset[str]


class Keys:
    """The keys of a file, read again when the file changes: a key that was deleted is refused within a second.

    Raises:
        BadInput: there is no such file, or it does not hold keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._keys, self._stamp, self._checked_at = _read(path), _stamp(path), time.monotonic()

    def find(self, given: str) -> Key | None:
        """The key that a client sent; None when it is not one of the file."""
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for key in self._current():  # all of them, each in constant time, so that the time taken reveals nothing
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _current(self) -> tuple[Key, ...]:
        with self._lock:
            if time.monotonic() - self._checked_at > CHECK_S:
                self._checked_at = time.monotonic()
                stamp = _stamp(self._path)
                if stamp != self._stamp:
                    # While the file cannot be read no key is valid: it may have been changed to delete one.
                    try:
                        self._keys = _read(self._path)
                    except BadInput:
                        self._keys = ()
                    self._stamp = stamp
            return self._keys


def new_key(path: Path, name: str, *, write: bool = False) -> str:
    """Make a key, add its hash to the file (created if needed, readable by its owner only), and return the key.

    Raises:
        BadInput: the name is taken or unusable, or the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be the name of a key. Use up to 64 letters, digits, dots and hyphens.")
    if path.exists() and any(key.name == name for key in _read(path)):
        raise BadInput(f"{path} already has a key for {name}. Delete its block first, or choose another name.")
    key = f"vf_{secrets.token_urlsafe(32)}"
    rights = '["read", "write"]' if write else '["read"]'
    block = f'[[key]]\nname = "{name}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\nrights = {rights}\n\n'
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        write_whole(path, before + block, durable=True, private=True)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}). Choose another file with --keys.") from None
    return key


def _read(path: Path) -> tuple[Key, ...]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        blocks = found.get("key", [])
        return tuple(_key(block, path) for block in blocks)
    except FileNotFoundError:
        raise BadInput(
            f"There is no key file at {path}. Make one: viewfix serve-key NAME --keys {shlex.quote(str(path))}"
        ) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is not a key file ({error}). Make one: viewfix serve-key NAME --keys FILE") from None


def _key(block: dict[str, Any], path: Path) -> Key:
    name, digest, rights = block.get("name"), block.get("sha256"), block.get("rights", ["read"])
    if not isinstance(name, str) or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise BadInput(
            f"{path} has a key without a name or a sha256 of 64 hex digits. Delete its block and make another."
        )
    if not isinstance(rights, list) or not set(rights) <= set(RIGHTS):
        raise BadInput(f"{path} gives {name} the rights {rights!r}. Use: {', '.join(RIGHTS)}.")
    return Key(name, digest, frozenset(rights))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size
