"""Copy and compare what a map stores beside its photos: points of interest, skipped photos, features, calibration."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

from ..errors import BadInput
from ..locate.confidence import Calibration
from ..pois.nearby import name_key, wikidata_of
from ..shell import shell_quoted
from ..store.basemap_file import KEY as BASEMAP
from ..store.batches import record_batches
from ..store.local_features import KEY as LOCAL_FEATURES
from ..store.local_features import LocalFeatureCache
from ..store.points import PointSource
from ..store.records import rebased
from ..store.store import Store
from ..types import Photo, Progress
from .sides import CHUNK, Side

FEATURES_AT_ONCE = 256  # photos; 35 KB each


def skipped(source: Store, target: Store) -> None:
    """Make the list of skipped photos of the target equal to that of the source."""
    wanted, there = source.skipped(), target.skipped()
    kept = {each.id for each in wanted}
    target.forget_skipped([each.id for each in there if each.id not in kept])
    fresh = set(wanted) - set(there)
    for start in range(0, len(wanted), CHUNK):
        target.put_skipped([each for each in wanted[start : start + CHUNK] if each in fresh])


def points(source: Store, target: Store, progress: Progress) -> None:
    """Copy the points of interest: file by file in their order, each in one transaction."""
    done, total = 0, len(source.points)
    there = [_described(each) for each in target.points.sources()]
    wanted = source.points.sources()
    if there != [_described(each) for each in wanted[: len(there)]]:
        target.points.remove()
        there = []
    stream = source.points.all()
    for number, origin in enumerate(wanted):
        mine = islice(stream, origin.points)
        if number < len(there):
            done += sum(1 for _ in mine)
            continue
        with target.points.replacing(origin) as writer:
            for point in mine:
                writer.put(point, name_key=name_key(point.name), wikidata=wikidata_of(point))
                done += 1
                if done % CHUNK == 0:
                    progress("copying points of interest", done, total)
    progress("copying points of interest", done, total)


def roads(source: Store, target: Store) -> None:
    """Copy the roads, file by file; those that are there already are not copied again."""
    wanted, there = source.roads.sources(), {each.file: each.sha256 for each in target.roads.sources()}
    if list(there) != [each.file for each in wanted[: len(there)]]:
        target.roads.remove()
        there = {}
    for each in wanted:
        if there.get(each.file) != each.sha256:
            target.roads.replace(each, source.roads.load(each))


def basemap(source: Store, target: Store) -> None:
    """Copy the base map, unless the target has it already."""
    file = source.basemap_file.path()
    if (noted := source.meta(BASEMAP)) != target.meta(BASEMAP):
        target.set_meta(BASEMAP, noted)
    if file is not None and not _same_bytes(file, target.basemap_file.path()):
        target.basemap_file.replace(file)


def features(source: Store, target: Store, progress: Progress) -> None:
    """Copy the local features of all photos, if the source has them. Features copied earlier are not copied again."""
    known = source.meta(LOCAL_FEATURES) or {}
    if not known.get("all"):
        return
    kept, copy = (each.local_features(known["fingerprint"]) for each in (source, target))
    copy.keep_all({})  # marks the target as a map with the features of all photos, even without any
    done, total = 0, len(target)
    for photos in copy.missing(FEATURES_AT_ONCE):
        _features_of(photos, target, kept, copy)
        done += len(photos)
        progress("copying local features", done, total)


def _features_of(photos: list[Photo], target: Store, kept: LocalFeatureCache, copy: LocalFeatureCache) -> None:
    records = target.known([photo.id for photo in photos]).values()
    found = kept.load([(record.photo.id, record.content_hash) for record in records])
    if found:
        copy.keep_all(found)


def calibration(source: Side, target: Store) -> bool:
    """Copy the calibration. Returns False if it is invalid, which it may be in a file from another program."""
    found = source.calibration
    if found is None:
        return True
    try:
        if source.store is None:
            Calibration.from_json(found)
        target.set_meta("calibration", rebased(found, source.version, target.version))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return True


def model_file(source: Store, target: Store) -> None:
    """Copy the file of a model that was trained for this map."""
    if (file := source.model_file(source.model)) is not None:
        target.keep_model_file(source.model, file)


def differing(source: Store, target: Store, *, with_features: bool) -> Iterator[str]:
    """The differences in everything except the photos, one line each."""
    yield from _differing_lists("skipped photo", _skipped(source), _skipped(target))
    mine, others = ([_described(each) for each in store.points.sources()] for store in (source, target))
    if mine != others:
        yield f"the points of interest come from {len(others)} files, where {len(mine)} are expected"
    for left, right in zip_longest(source.points.all(), target.points.all()):
        if left != right:
            yield f"the point of interest {(left or right).id} differs"
            break
    yield from _differing_lists(
        "roads from", *({e.file: e.sha256 for e in s.roads.sources()} for s in (source, target))
    )
    mine_file, other_file = source.basemap_file.path(), target.basemap_file.path()
    if mine_file is not None and not _same_bytes(mine_file, other_file):
        yield "the base map differs"
    if with_features:
        yield from _differing_features(source, target)


def _same_bytes(file: Path, other: Path | None) -> bool:
    return other is not None and filecmp.cmp(file, other, shallow=False)


def _differing_features(source: Store, target: Store) -> Iterator[str]:
    known = source.meta(LOCAL_FEATURES) or {}
    if not known.get("all"):
        return
    kept, copy = (each.local_features(known["fingerprint"]) for each in (source, target))
    for _, records, _ in record_batches(target, FEATURES_AT_ONCE):
        identities = [(record.photo.id, record.content_hash) for record in records]
        mine, others = kept.load(identities), copy.load(identities)
        if mine != others:
            key = next(each for each in identities if mine.get(each) != others.get(each))
            yield f"{key[0]} has other local features"
            return


def _differing_lists(what: str, mine: dict[str, str], others: dict[str, str]) -> Iterator[str]:
    for key in sorted(mine.keys() | others.keys()):
        if mine.get(key) != others.get(key):
            yield f"the {what} {key} differs"
            return


def _skipped(store: Store) -> dict[str, str]:
    return {each.id: each.reason for each in store.skipped()}


def _described(origin: PointSource) -> tuple[str, str | None, str | None, int]:
    return origin.file, origin.attribution, origin.licence, origin.points


def refuse_unfinished(source: Store) -> None:
    """Refuse to copy a map while it is being migrated: half of its descriptors are of another model."""
    if (other := source.pending_migration()) is not None:
        raise BadInput(
            f"{source.address} is being migrated to {other.name}. Finish that, or give it up with --restart, before "
            f"you copy it: viewfix migrate {source.address.typed} --model {shell_quoted(other.name)}"
        )
