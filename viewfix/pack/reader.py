"""Read the data of a pack, and refuse everything that a reader must refuse according to docs/spec/pack.md."""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..roads.coding import decode
from ..roads.graph import Graph
from .checks import integer_of, list_of, object_of, parsed, refuse, text_of
from .compress import SUFFIX
from .contents import PhotoData, points_of, read_photos
from .folder import FORMAT, MANIFEST

MOST_FILES = 100_000
MOST_BYTES = 2**31 - 1
MOST_PART_BYTES = 1 << 26
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_VERSION, _SHA256 = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PackContent:
    """The data of a pack, checked: the manifest, photos, points of interest, roads, and the large files by name."""

    manifest: Mapping[str, Any]
    photos: PhotoData
    points: list[Any]
    roads: Graph | None
    whole: Mapping[str, bytes]


def read_pack(folder: Path) -> PackContent:
    """Read a pack that `viewfix pack` wrote.

    Raises:
        BadInput: the folder is not a pack, is of a newer format, or breaks a rule of docs/spec/pack.md.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise BadInput(f"{folder} is not a pack: {MANIFEST} cannot be read ({error.strerror}).") from None
    manifest = checked_manifest(parsed(content, MANIFEST))
    files = {entry["path"]: _content(folder, manifest["version"], entry) for entry in manifest["files"]}
    whole = {name: _joined(name, about, files) for name, about in manifest["parts"].items()}
    photos = read_photos(files["photos.bin"], len(whole.get("thumbnails.bin", b"")))
    points = points_of(parsed(files["points.json"], "points.json"))
    if manifest["photos"] != photos.count or photos.about["points"] != len(points):
        refuse("the counts of photos or points of interest do not agree")
    return PackContent(manifest, photos, points, _roads(files.get("roads.bin")), whole)


def _roads(content: bytes | None) -> Graph | None:
    try:
        return None if content is None else decode(content)
    except BadInput as error:
        refuse(str(error).partition(". ")[0])


def checked_manifest(value: Any) -> dict[str, Any]:
    """Check the value of pack.json against the rules, and return it."""
    manifest = dict(object_of(value, MANIFEST))
    if integer_of(manifest.get("format"), "format", 1, 10**6) != FORMAT:
        raise BadInput(f"This pack has format {manifest['format']}, but this viewfix reads {FORMAT}. Update viewfix.")
    if not _VERSION.fullmatch(text_of(manifest.get("version"), "version")):
        refuse("version is not 16 hexadecimal digits")
    text_of(manifest.get("title"), "title")
    integer_of(manifest.get("photos"), "photos", 1, 1_000_000)
    entries = list_of(manifest.get("files"), "files", most=MOST_FILES)
    for entry in entries:
        _check_entry(entry)
    paths = [entry["path"] for entry in entries]
    if len(set(paths)) != len(paths):
        refuse("a path is listed twice")
    parts = object_of(manifest.get("parts", {}), "parts")
    for name in ("photos.bin", "points.json"):
        if name not in paths:
            refuse(f"{name} is not listed in {MANIFEST}")
    sizes = {entry["path"]: entry["bytes"] for entry in entries}
    for name, about in parts.items():
        _check_parts(name, about, sizes)
    return {**manifest, "parts": parts}


def _check_entry(entry: Any) -> None:
    path = text_of(object_of(entry, "an entry of files").get("path"), "path", 200)
    if not _PATH.fullmatch(path):
        refuse(f"{path!r} is not a path within the pack")
    if "file" in entry and entry["file"] != path + SUFFIX:
        refuse(f"the file of {path} is not {path}{SUFFIX}")
    for name in ("root", "kept"):
        if not isinstance(entry.get(name, False), bool):
            refuse(f"{name} of {path} is not true or false")
    for name in ("bytes", "download"):
        integer_of(entry.get(name), f"{name} of {path}", 0, MOST_BYTES)
    if not _SHA256.fullmatch(text_of(entry.get("sha256"), f"sha256 of {path}")):
        refuse(f"sha256 of {path} is not 64 hexadecimal digits")


def _check_parts(name: str, about: Any, sizes: Mapping[str, int]) -> None:
    if not _PATH.fullmatch(name):
        refuse(f"{name!r} is not a path within the pack")
    whole = integer_of(object_of(about, f"parts of {name}").get("bytes"), f"bytes of {name}", 0, 2**40)
    part = integer_of(about.get("part_bytes"), f"part_bytes of {name}", 1, MOST_PART_BYTES)
    if -(-whole // part) > MOST_FILES:
        refuse(f"{name} has more than {MOST_FILES} parts")
    wanted = {f"{name}.{n:04d}": min(part, whole - start) for n, start in enumerate(range(0, whole, part))}
    listed = {path: size for path, size in sizes.items() if path.startswith(f"{name}.")}
    if wanted != listed:
        refuse(f"the parts of {name} are not those that its size needs")


def _content(folder: Path, version: str, entry: Mapping[str, Any]) -> bytes:
    """One file as the app sees it, its checksum and size verified."""
    name: str = entry.get("file", entry["path"])
    path = (folder if entry.get("root") else folder / f"v-{version}") / name
    try:
        if path.stat().st_size != entry["download"]:
            refuse(f"{name} has {path.stat().st_size} bytes instead of {entry['download']}")
        content: bytes = path.read_bytes()
    except OSError as error:
        refuse(f"{name} cannot be read ({error.strerror})")
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        refuse(f"the checksum of {name} is wrong")
    if "file" in entry:
        content = _decompressed(content, name, entry["bytes"])
    if len(content) != entry["bytes"]:
        refuse(f"{entry['path']} has {len(content)} bytes instead of {entry['bytes']}")
    return content


def _decompressed(content: bytes, name: str, size: int) -> bytes:
    if int.from_bytes(content[5:13], "little") != size:
        refuse(f"{name} states another size than {MANIFEST}")
    try:
        return bytes(lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 28).decompress(content, max_length=size))
    except (lzma.LZMAError, EOFError) as error:
        refuse(f"{name} cannot be decompressed ({error})")


def _joined(name: str, about: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    count = -(-about["bytes"] // about["part_bytes"])
    return b"".join(files[f"{name}.{n:04d}"] for n in range(count))
