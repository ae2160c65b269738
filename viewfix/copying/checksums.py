"""Checksums of photos and descriptors that do not depend on their order, and a search for differing photos."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from ..store.records import Record, to_values
from .sides import Batch

BUCKETS = 4096
AT_ONCE = 200_000  # photos compared in one pass: some 50 MB
_WHOLE = 2**128

Read = Callable[[], Iterable[Batch]]


class Seen(NamedTuple):
    """One photo of one side. Equal digests mean equal to the last bit."""

    row: int
    fields: bytes
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """A photo that differs between two sides; None for a side that does not have it."""

    id: str
    left: Seen | None
    right: Seen | None

    def __str__(self) -> str:
        if self.left is None:
            return f"{self.id} is only in the copy"
        if self.right is None:
            return f"{self.id} is missing"
        return (
            f"{self.id} differs in its {'descriptor' if self.left.fields == self.right.fields else 'position or text'}"
        )


class Checksums:
    """The photos of one side: their count and the sum of their digests, in buckets by the CRC of their ids."""

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.sums = [0] * BUCKETS

    def add(self, batch: Batch) -> None:
        for at, record in enumerate(batch.records):
            bucket = _bucket(record.photo.id)
            seen = blake2b(_fields(record), digest_size=16)
            seen.update(batch.halves[at].data)
            self.counts[bucket] += 1
            self.sums[bucket] = (self.sums[bucket] + int.from_bytes(seen.digest(), "big")) % _WHOLE

    def differing(self, other: Checksums) -> list[int]:
        """The buckets in which two sides differ."""
        mine, others = (zip(each.counts, each.sums, strict=True) for each in (self, other))
        return [n for n, (left, right) in enumerate(zip(mine, others, strict=True)) if left != right]

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def checksum(self) -> str:
        """The checksum of all photos: 32 hexadecimal digits."""
        return f"{sum(self.sums) % _WHOLE:032x}"


def differences(left: Read, right: Read, of: tuple[Checksums, Checksums]) -> Iterator[Difference]:
    """The photos that differ, in bounded memory: the sides are read again, a few differing buckets at a time.

    Of two photos with the same id on the left, the first counts, as it does in a copy.
    """
    apart = of[0].differing(of[1])
    edges, held = [0], 0
    for n, bucket in enumerate(apart):
        held += of[0].counts[bucket] + of[1].counts[bucket]
        if held > AT_ONCE:
            edges.append(n + 1)
            held = 0
    for start, end in pairwise([*edges, len(apart)]):
        wanted = set(apart[start:end])
        mine, others = _listed(left, wanted), _listed(right, wanted)
        for key, seen in mine.items():
            there = others.pop(key, None)
            if there is None or there[1:] != seen[1:]:
                yield Difference(key, seen, there)
        yield from (Difference(key, None, there) for key, there in others.items())


def _listed(side: Read, buckets: set[int]) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for batch in side() if buckets else ():
        for at, record in enumerate(batch.records):
            if _bucket(record.photo.id) in buckets and record.photo.id not in found:
                found[record.photo.id] = seen_as(int(batch.rows[at]), record, batch.halves[at].tobytes())
    return found


def seen_as(row: int, record: Record, descriptor: bytes) -> Seen:
    """The digests of a record and of its descriptor."""
    return Seen(row, blake2b(_fields(record), digest_size=16).digest(), blake2b(descriptor, digest_size=16).digest())


def _fields(record: Record) -> bytes:
    # SQLite stores -0.0 as 0, so both must have the same digest.
    plain = [each + 0.0 if isinstance(each, int | float) else each for each in to_values(record)]
    return repr(plain).encode("utf-8", "surrogatepass")


def _bucket(photo_id: str) -> int:
    return zlib.crc32(photo_id.encode("utf-8", "surrogatepass")) % BUCKETS
