"""The local features of photos, stored in the map: a cache with a limit, or those of all photos."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Photo

LIMIT_BYTES = 256 * 2**20
"""The limit for features that were computed to answer queries: some 7,000 photos. The oldest are deleted."""

KEY = "local_features"
"""In the meta of a map: the fingerprint of the matcher of its features, and whether all photos should have some."""

PATIENCE_MS = 50
"""How long a query waits for another writer before it gives up storing the features that it computed."""


Identity = tuple[str, str]
"""The id of a photo and the hash of its content: when the content changes, so do the features."""


class LocalFeatureCache(ABC):
    """The packed local features of one matcher, stored in a map by photo and content.

    Returned by `Store.local_features`. Neither `load` nor `keep` fails on a full disk or a read-only map.
    Features of another matcher are never returned, and are deleted when new ones are stored.
    """

    @property
    def complete(self) -> bool:
        """Whether the map should store the features of all its photos."""
        return bool(self._about().get("all"))

    @abstractmethod
    def load(self, wanted: Sequence[Identity]) -> dict[Identity, bytes]:
        """The stored features of these photos; photos without any are left out."""

    @abstractmethod
    def keep(self, packed: Mapping[Identity, bytes]) -> bool:
        """Store features, unless another process writes or the map is read-only; returns whether they were stored."""

    @abstractmethod
    def keep_all(self, packed: Mapping[Identity, bytes]) -> None:
        """Store features in one transaction, without a limit. The map must be open for writing."""

    @abstractmethod
    def missing(self, chunk: int = 1024) -> Iterator[list[Photo]]:
        """The photos without features, in the order of rows, `chunk` at a time."""

    @abstractmethod
    def _about(self) -> dict[str, Any]:
        """The value under KEY in the meta of the map."""
