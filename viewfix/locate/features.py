"""Local features of the photos of a map, taken from memory, from the map, or from the file of the photo."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from .. import photos
from ..embed.describe import content_hash, cores
from ..errors import BadInput, UnreadablePhoto
from ..models.local import SEEN, LocalFeatures, LocalModel
from ..photos.views import identity_bytes, load_view
from ..store.local_features import Identity, LocalFeatureCache
from ..store.store import Store
from ..types import Photo, Progress, silent

REMEMBERED = 512
"""The number of photos whose features stay in memory, 70 MB, for the next query from the same street."""


class PhotoFeatures:
    """The local features of the photos of one map. Thread-safe.

    Features that were computed for a query are stored in the map if that is possible without waiting.
    """

    def __init__(self, store: Store, model: LocalModel, cache: LocalFeatureCache | None = None) -> None:
        self._store, self._model = store, model
        self.cache = cache or store.local_features(model.fingerprint)
        self._memory: OrderedDict[Identity, LocalFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def identities(self, ids: Sequence[str]) -> dict[str, Identity]:
        """The id and content hash of each of these photos, by id. Unknown ids are left out."""
        return {photo_id: (photo_id, record.content_hash) for photo_id, record in self._store.known(ids).items()}

    def known(self, identities: Iterable[Identity]) -> dict[Identity, LocalFeatures]:
        """The features that are in memory or in the map."""
        wanted = list(identities)
        with self._lock:
            known = {identity: self._memory[identity] for identity in wanted if identity in self._memory}
            for identity in known:
                self._memory.move_to_end(identity)
        stored = self.cache.load([identity for identity in wanted if identity not in known])
        loaded: dict[Identity, LocalFeatures] = {}
        for identity, packed in stored.items():
            try:
                loaded[identity] = LocalFeatures.unpack(packed)
            except BadInput:  # damaged; the caller computes them again
                continue
        self._remember(loaded)
        return {**known, **loaded}

    def compute(self, photo: Photo, identity: Identity) -> LocalFeatures | None:
        """Compute the features from the file of a photo; None if the file is missing or has changed.

        None also for a photo at a URL, because a query does not wait for a download.
        """
        return None if photos.is_url(photo.source) else self._from_source(photo, identity, photo.source)

    def keep(self, fresh: Mapping[Identity, LocalFeatures]) -> None:
        """Keep new features in memory and, if no other process is writing, in the map."""
        self._remember(fresh)
        self.cache.keep({identity: features.pack() for identity, features in fresh.items()})

    def store_all(self, *, progress: Progress = silent) -> int:
        """Compute and store the features of every photo that has none. The map must be open for writing.

        An interruption loses the batch in progress; the next call continues. Returns the number of photos whose
        features could not be computed.
        """
        batches: Iterable[list[Photo]] = self.cache.missing(chunk=64)
        self.cache.keep_all({})  # from now on the map stores the features of all photos, even if none is missing now
        done = missed = 0
        for batch in batches:
            missed += self.store(batch)
            done += len(batch)
            progress("local features", done, None)
        return missed

    def store(self, batch: Sequence[Photo], files: Mapping[str, str] | None = None) -> int:
        """Compute and store the features of some photos. The map must be open for writing.

        `files` are local files of pictures, by the id of the photo, to be read instead of their sources. Returns the
        number of photos whose features could not be computed.
        """
        known = self.identities([photo.id for photo in batch])
        identities = [known[photo.id] for photo in batch]  # safe: no other process can remove photos meanwhile
        sources = [(files or {}).get(photo.id, photo.source) for photo in batch]
        with ThreadPoolExecutor(cores(), thread_name_prefix="features") as pool:
            found = dict(zip(identities, pool.map(self._from_source, batch, identities, sources), strict=True))
        self.cache.keep_all({identity: each.pack() for identity, each in found.items() if each is not None})
        return sum(each is None for each in found.values())

    def _remember(self, features: Mapping[Identity, LocalFeatures]) -> None:
        with self._lock:
            self._memory.update(features)
            while len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)

    def _from_source(self, photo: Photo, identity: Identity, source: str) -> LocalFeatures | None:
        try:
            data = identity_bytes(source, photo.view)
            if content_hash(data, photo.view) != identity[1]:
                return None
            is_frame = photo.view is not None and photo.view.time_s is not None
            picture = load_view(photo.source if is_frame else data, photo.view, least_side_px=SEEN.least_side_px)
            # Pack and unpack, so that the answer is the same whether the features were stored or not.
            return LocalFeatures.unpack(self._model.extract(picture).pack())
        except UnreadablePhoto:
            return None
