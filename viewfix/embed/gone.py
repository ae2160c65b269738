"""Photos of a map that their service does not list any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..sources import Remote
from ..store.store import Store

KEY = "gone"
"""In the meta of a map: the day on which each photo, by its id, was first found to be gone."""

CHUNK = 4096


def mark_gone(store: Store, remotes: Sequence[Remote]) -> list[str]:
    """Mark the photos of a map that its services should list, and do not. Returns their ids.

    A photo that is listed again loses its mark. The photos stay in the map.
    """
    if not remotes:
        return []
    marked: dict[str, str] = dict(store.meta(KEY) or {})
    today, found = datetime.now(UTC).date().isoformat(), []
    for region in {region for remote in remotes for region in remote.regions}:
        rows = store.rows_in(region)
        for begin in range(0, len(rows), CHUNK):
            for photo in store.photos(rows[begin : begin + CHUNK]):
                if any(remote.is_gone(photo) for remote in remotes):
                    found.append(photo.id)
                elif any(remote.downloads.version(photo.source) for remote in remotes):
                    marked.pop(photo.id, None)
    found = sorted(set(found))
    after = {**{photo_id: today for photo_id in found}, **marked}
    if after != (store.meta(KEY) or {}):
        store.set_meta(KEY, after)
    return found


def gone(store: Store) -> dict[str, str]:
    """The photos of the map that are marked as gone, with the day on which that was found."""
    marked = store.meta(KEY)
    there = store.known(list(marked)) if isinstance(marked, dict) and marked else {}
    return {photo_id: str(day) for photo_id, day in (marked or {}).items() if photo_id in there}
