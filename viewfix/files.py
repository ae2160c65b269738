"""Files that appear whole or not at all, and the folder where downloads are cached."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import platformdirs


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False, private: bool = False) -> Iterator[Path]:
    """Write a file whole or not at all: the block writes the path it is given, which then takes the place of `path`.

    The new name lies in the same folder, so that the exchange is one rename. If the block raises, the new file is
    deleted and `path` stays as it was.

    Args:
        path: the file to make or to replace.
        durable: the bytes are on disk before the name points at them, so a power cut cannot leave an empty file.
        private: only the owner may read it (0600), from the first byte on.
    """
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        if private:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
        if durable:
            sync(part)
        part.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes | str, *, durable: bool = False, private: bool = False) -> None:
    """Write bytes or UTF-8 text to a file, whole or not at all; see `replacing`."""
    with replacing(path, durable=durable, private=private) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def sync(path: Path) -> None:
    """Force the bytes of a file to disk."""
    with path.open("r+b") as file:  # Windows refuses to sync a file that was opened for reading
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force the names in a folder to disk, where the system can do that (Windows cannot, and need not)."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError:  # some network file systems refuse
        pass
    finally:
        os.close(folder)


def cache_folder(name: str) -> Path:
    """The folder for downloads and made files of one kind ("weights", "models"), as each system keeps its caches.

    `~/.cache/viewfix/NAME` on Linux (or below `XDG_CACHE_HOME`), `~/Library/Caches/viewfix/NAME` on macOS,
    `%LOCALAPPDATA%\\viewfix\\NAME` on Windows. It may not exist yet.
    """
    return platformdirs.user_cache_path("viewfix", appauthor=False, opinion=False) / name
