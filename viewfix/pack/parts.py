"""Large files in parts, each with a checksum.

An interrupted download continues where it stopped, and an update fetches only what changed. The app's service worker
answers requests for the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator

PART_BYTES = 1 << 20


def parts_of(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Split a file: `basemap.pmtiles` becomes `basemap.pmtiles.0000`, `basemap.pmtiles.0001`, and so on."""
    for number, start in enumerate(range(0, len(content), PART_BYTES)):
        yield f"{name}.{number:04d}", content[start : start + PART_BYTES]
