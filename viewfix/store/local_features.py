"""The local features of photos, kept in the map: a cache with a limit, or all of them when the map was built so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Photo

LIMIT_BYTES = 256 * 2**20
"""Of features that were computed to answer queries: some 7,000 photos. The oldest give way."""

KEY = "local_features"
"""In the meta of a map: the fingerprint of what made its features, and whether all photos are to have them."""

PATIENCE_MS = 50
"""How long a query waits to keep what it computed while another process writes; then it is computed again some day."""


Identity = tuple[str, str]
"""The id of a photo and the hash of its content: features of what a photo once was are of no other photo."""


class LocalFeatureCache(ABC):
    """Packed local features by photo and content, in a map; of one fingerprint, that of what makes them.

    Made by `Store.local_features`. Reading and keeping never fail for want of room or right. Features of another
    fingerprint are not given, and go when new ones are kept.
    """

    @property
    def complete(self) -> bool:
        """Whether all photos of this map are to have their features stored."""
        return bool(self._about().get("all"))

    @abstractmethod
    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        """What is kept for these photos."""

    @abstractmethod
    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        """Keep features, if nobody else writes and the map can be written; whether they were kept."""

    @abstractmethod
    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        """Keep features of a map that is open for writing, without a limit, in one transaction."""

    @abstractmethod
    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        """The photos without features, in the order of rows, by so many."""

    @abstractmethod
    def _about(self) -> dict[str, Any]:
        """What stands under KEY in the meta of the map."""
