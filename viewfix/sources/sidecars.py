"""Files beside a photo with more metadata: XMP files and those of Google Takeout."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from ..errors import UnreadablePhoto
from ..photos import Metadata, read_bytes
from ..photos.xmp import from_xmp
from ..photos.xmp_fields import MAX_BYTES


class Siblings:
    """The names of the files in one folder, found regardless of case and Unicode normalisation.

    A disk, an archive and a camera may each write "É" as one code point or two, and "JPG" or "jpg".
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted(self.names):
            found.setdefault(key_of(name), []).append(name)
        return found

    @cached_property
    def have_json(self) -> bool:
        return any(name[-5:].lower() == ".json" for name in self.names)

    def has_twin(self, name: str) -> bool:
        """Whether another file's name differs only in case or Unicode normalisation, as A.JPG beside a.jpg."""
        return len(self._by_key.get(key_of(name), ())) > 1

    def find(self, name: str, *, exact: bool = False) -> str | None:
        """The name as it is on disk, preferably exactly this one; None if there is no such file."""
        if name in self.names:
            return name
        return None if exact else next(iter(self._by_key.get(key_of(name), ())), None)


def key_of(name: str) -> str:
    """A key that is equal for names that differ only in case and Unicode normalisation."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFD", name).lower()


def xmp_files(photo: str, siblings: Siblings) -> Iterator[str]:
    """The XMP files of a photo: `photo.jpg.xmp` as darktable writes it, then `photo.xmp` as Lightroom does."""
    exact = siblings.has_twin(photo)
    for wanted in (f"{photo}.xmp", f"{Path(photo).stem}.xmp"):
        found = siblings.find(wanted, exact=exact)
        if found is not None:
            yield found


def read_xmp(path: Path) -> Metadata:
    """Read the metadata of an XMP file. If it cannot be read, `no_position` gives the reason."""
    try:
        packet = read_bytes(path)
    except UnreadablePhoto:
        return Metadata(no_position=f"its sidecar {path.name} could not be read")
    found = from_xmp(packet)
    damage = _damage(packet) if found == Metadata() else None
    return found if damage is None else Metadata(no_position=f"its sidecar {path.name} is damaged ({damage})")


def _damage(packet: bytes) -> str | None:
    if len(packet) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1_000_000} MB"
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    start, end = packet.find(b"<"), packet.rfind(b">")
    try:
        ElementTree.fromstring(packet[max(start, 0) : end + 1])
    except DefusedXmlException:
        return "it declares entities"
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        return " ".join(str(error).split())[:80]
    return None
