"""What files that were added to a map have in common: those of points of interest and those of roads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .store import Address, Place


class HasAddress(Protocol):
    """Anything with an address, such as a Map."""

    @property
    def address(self) -> Address: ...


def address_of(city: HasAddress | Place) -> Address:
    """The address of a map that may be open."""
    return Address.of(city) if isinstance(city, str | os.PathLike | Address) else city.address


def stored_name(known: Sequence[str], file: Path) -> str:
    """The name under which a file was added: as typed, as a path from here, or by its last part if that is unique."""
    for name in (str(file), str(file.expanduser().resolve())):
        if name in known:
            return name
    by_last = [name for name in known if Path(name).name == str(file)]
    return by_last[0] if len(by_last) == 1 else str(file)
