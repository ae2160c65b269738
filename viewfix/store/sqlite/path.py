"""The path of a map file, resolved once, before anything is opened or locked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

from ...errors import BadInput, MapBusy, NotAMap, StorageFailed
from ...shell import shell_quoted

MOST_PATH_BYTES = 504  # SQLite takes 512 bytes, with "-journal" at the end
MOST_NAME_BYTES = 247  # file systems take 255
_WAL_MODE = 2  # bytes 18 and 19 of an SQLite file while its log is in use


@dataclass(frozen=True, slots=True)
class MapPath:
    """The path of a map: `shown` is what the user wrote, `real` is absolute, with symbolic links resolved.

    The lock and the search index are kept beside the real file, as SQLite keeps its log: a map has one of each,
    whichever link it is opened through.
    """

    shown: str
    real: Path

    @classmethod
    def of(cls, text: str) -> Self:
        """Resolve a path.

        Raises:
            BadInput: it is too long for SQLite or the file system, or empty.
        """
        if not text or "\0" in text:
            raise BadInput(f"{text!r} is not the path of a map. Pass a path such as city.map.")
        _check_length(text, Path(text))
        try:
            real = Path(os.path.realpath(text))
        except OSError as error:
            raise StorageFailed(f"{text} cannot be reached ({error.strerror}). Check the path.") from error
        _check_length(text, real)
        return cls(text, real)

    def __str__(self) -> str:
        return self.shown

    @property
    def quoted(self) -> str:
        """The path as the user wrote it, quoted for a shell."""
        return shell_quoted(self.shown)

    def exists(self) -> bool:
        """Whether something exists at the path; a broken link counts."""
        return self.real.exists() or Path(self.shown).is_symlink()

    def check_present(self) -> None:
        """Refuse a path that cannot be a map, before SQLite opens it and creates a file there.

        Raises:
            NotAMap: nothing is there, or a folder, or a broken link.
            StorageFailed: the log may be beside another name of the file.
        """
        if self.real.is_dir():
            raise NotAMap(f"{self} is a folder, not a map. Build a map from it: viewfix build NEW.map {self.quoted}")
        if not self.real.exists():
            self.check_not_dangling()
            raise NotAMap(f"There is no map at {self}. Make one with: viewfix build {self.quoted} PHOTOS")
        if not self.real.is_file():
            raise NotAMap(f"{self} is not a map: it is not a regular file. Check the path.")
        self._check_log()

    def check_not_dangling(self) -> None:
        """Refuse a symbolic link to nothing.

        Raises:
            NotAMap: it is such a link.
        """
        if Path(self.shown).is_symlink() and not self.real.exists():
            raise NotAMap(
                f"{self} is a link to {Path(self.shown).readlink()}, which leads nowhere. Is a disk missing? "
                "Connect it, or delete the link."
            )

    def _check_log(self) -> None:
        """Refuse a hard link whose log may be elsewhere: SQLite names the log after the name that was opened."""
        if self.real.stat().st_nlink < 2 or self.beside("-wal").exists():
            return
        with self.real.open("rb") as file:
            head = file.read(20)
        if head.startswith(b"SQLite format 3\0") and head[18:20] == bytes([_WAL_MODE] * 2):
            raise MapBusy(
                f"{self} is being written, or was not closed cleanly, under another name (it is a hard link). "
                "Open it by that name."
            )

    def check_writable_name(self, written_as: str | None) -> None:
        """Refuse to write through a hard link: only the name that the map was last written under will do.

        Raises:
            StorageFailed: the file has several names, and this is not the one.
        """
        if self.real.stat().st_nlink > 1 and written_as != self.fingerprint:
            raise StorageFailed(
                f"{self} has several names (hard links), and was not written under this one: a log under each name "
                f"would damage it. Use the name that it was last written under, or a copy: cp {self.quoted} copy.map"
            )

    @property
    def fingerprint(self) -> str:
        """A digest of the real path: it identifies the path without revealing it to those who receive the map."""
        return blake2b(os.fsencode(self.real), digest_size=8).hexdigest()

    def beside(self, ending: str) -> Path:
        """The path beside the map that has its name and this ending."""
        return self.real.with_name(self.real.name + ending)


def _check_length(shown: str, path: Path) -> None:
    if os.name == "nt":
        return
    length, name_length = len(os.fsencode(path.absolute())), len(os.fsencode(path.name))
    if length > MOST_PATH_BYTES:
        raise BadInput(
            f"The path {shown} is too long for SQLite: it has {length} bytes, and {MOST_PATH_BYTES} fit (512 with "
            "-journal). Choose a shorter one."
        )
    if name_length > MOST_NAME_BYTES:
        raise BadInput(
            f"The name {path.name} is too long: it has {name_length} bytes, and {MOST_NAME_BYTES} fit. Choose a "
            "shorter one."
        )
