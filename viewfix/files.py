"""Atomic writing of files, and the folder where downloads are cached."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import platformdirs


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False, private: bool = False) -> Iterator[Path]:
    """Write a file atomically: the block writes to a temporary path, which then replaces `path`.

    The temporary file is in the same folder, so replacing is a single rename. If the block raises, the temporary file
    is deleted and `path` stays as it was.

    Args:
        path: the file to create or replace.
        durable: flush the bytes to disk before the rename, so that a power cut cannot leave an empty file.
        private: let only the owner read the file (0600), from the first byte on.
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
    """Write bytes, or text as UTF-8, to a file atomically; see `replacing`."""
    with replacing(path, durable=durable, private=private) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def sync(path: Path) -> None:
    """Force the bytes of a file to disk."""
    with path.open("r+b") as file:  # Windows refuses to sync a file that is open only for reading
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force the entries of a folder to disk. Does nothing on Windows, which does not need it."""
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
    """The cache folder for one kind of files, such as "weights" or "models", where the operating system expects it.

    `~/.cache/viewfix/NAME` on Linux (or below `XDG_CACHE_HOME`), `~/Library/Caches/viewfix/NAME` on macOS,
    `%LOCALAPPDATA%\\viewfix\\NAME` on Windows. It may not exist yet.
    """
    return platformdirs.user_cache_path("viewfix", appauthor=False, opinion=False) / name
