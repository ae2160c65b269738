"""The local features of photos, stored in the map: a cache with a limit, or those of all photos."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Photo

LIMIT_BYTES = 256 * 2**20
"""Of features that were computed to answer queries: some 7,000 photos. Beyond it the oldest are deleted."""

KEY = "local_features"
"""In the meta of a map: the fingerprint of what computed its features, and whether all photos are to have them."""

PATIENCE_MS = 50
"""How long a query waits to store what it computed while another process writes; then it is not stored."""


Identity = tuple[str, str]
"""The id of a photo and the hash of its content: when the content changes, so do the features."""


class LocalFeatureCache(ABC):
    """Packed local features by photo and content, in a map; of one fingerprint, that of what computes them.

    Returned by `Store.local_features`. Neither loading nor keeping fails on a full disk or a map that is read-only.
    Features of another fingerprint are never returned, and are deleted when new ones are kept.
    """

    @property
    def complete(self) -> bool:
        """Whether all photos of this map are to have their features stored."""
        return bool(self._about().get("all"))

    @abstractmethod
    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        """The features that are stored for these photos."""

    @abstractmethod
    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        """Store features, unless another process writes or the map is read-only; returns whether they were stored."""

    @abstractmethod
    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        """Store features in a map that is open for writing, without a limit, in one transaction."""

    @abstractmethod
    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        """The photos without features, in the order of rows, `chunk` at a time."""

    @abstractmethod
    def _about(self) -> dict[str, Any]:
        """The value under KEY in the meta of the map."""
