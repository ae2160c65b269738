"""Write corrections to a map, keep what was there before, and put it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import BadInput
from ..store.records import same_place
from ..store.store import Place, Store
from ..types import Position
from .plan import Correction

KEY = "alignment"
"""In the meta of a map: what was corrected, photo by photo, with what was there before."""


def apply_alignment(place: Place, corrections: Sequence[Correction]) -> int:
    """Correct photos of a map. What was there before is stored in the map first, so a kill loses nothing.

    A photo that is gone, or that changed since the corrections were found, is left alone. Returns the number corrected.
    """
    with Store.open(place, write=True) as store:
        records = store.known([each.photo_id for each in corrections])
        wanted = [each for each in corrections if _is_as_before(records, each)]
        kept: dict[str, Any] = store.meta(KEY, {})
        # The first state of a photo that is corrected twice is the one to go back to.
        store.set_meta(KEY, {each.photo_id: _before(each) for each in wanted} | kept)
        for each in wanted:
            record = records[each.photo_id]
            photo = replace(record.photo, heading_deg=each.heading_deg, position=each.position)
            store.update_photo(replace(record, photo=photo))
    return len(wanted)


def undo_alignment(place: Place) -> int:
    """Put back the headings and positions from before all corrections. Returns the number of photos.

    Raises:
        BadInput: nothing was corrected.
    """
    with Store.open(place, write=True) as store:
        kept: dict[str, Any] = store.meta(KEY, {})
        if not kept:
            raise BadInput(f"No photo of {store.address} was corrected by viewfix align, so there is nothing to undo.")
        records = store.known(list(kept))
        for photo_id, before in kept.items():
            if photo_id not in records:  # removed since
                continue
            record = records[photo_id]
            position = Position(before["lat"], before["lon"], record.photo.position.radius_m)
            photo = replace(record.photo, heading_deg=before["heading_deg"], position=position)
            store.update_photo(replace(record, photo=photo))
        store.set_meta(KEY, {})
    return len(records)


def _before(correction: Correction) -> dict[str, Any]:
    """What to put back, to the last digit."""
    at = correction.position_before
    return {"lat": at.lat, "lon": at.lon, "heading_deg": correction.heading_before_deg}


def _is_as_before(records: Any, correction: Correction) -> bool:
    record = records.get(correction.photo_id)
    if record is None or record.photo.heading_deg != correction.heading_before_deg:
        return False
    at, before = record.photo.position, correction.position_before
    return same_place((at.lat, at.lon), (before.lat, before.lon))
