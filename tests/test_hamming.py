"""Hamming distances are the same with FAISS and without it, and so is a search."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_search import COUNT, DIM, looks, made  # noqa: F401  a fixture

from viewfix.search import hamming, index, indexed, sketches
from viewfix.search.exact import ExactSearch
from viewfix.search.indexed import IndexedSearch
from viewfix.store.store import Store


def codes(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 64), dtype=np.uint8)


@pytest.mark.parametrize("counted_by", ["NumPy 2", "NumPy 1"])
@pytest.mark.parametrize("faiss", [True, False], ids=["FAISS", "NumPy"])
def test_distances_are_those_of_counting_bits(faiss: bool, counted_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if counted_by == "NumPy 1":
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    monkeypatch.setattr(hamming, "has_faiss", lambda: faiss)
    monkeypatch.setattr(hamming, "_AT_ONCE", 16)
    code, parts = codes(1), [codes(50), codes(0), codes(7)[::2]]
    parts[2] = np.ascontiguousarray(parts[2])
    expected = np.unpackbits(np.concatenate(parts) ^ code, axis=1).sum(axis=1)
    assert hamming.differences(code, parts).tolist() == expected.tolist()


def test_the_nearest_are_the_same_without_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    code, many = codes(1), np.repeat(codes(40), 5, axis=0)  # ties
    found = []
    for faiss in (True, False):
        monkeypatch.setattr(hamming, "has_faiss", lambda faiss=faiss: faiss)
        apart, at = sketches._nearest(code, many, 12)
        order = np.lexsort((at, apart))
        found.append(list(zip(apart[order][:12].tolist(), at[order][:12].tolist(), strict=True)))
    assert found[0] == found[1]


def test_a_large_map_is_searched_without_lists_and_the_extra_is_named(
    made: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, notices = Path(shutil.copy(made, tmp_path / "fiji.map")), []
    query = looks(COUNT, 0)[7]
    with Store.open(path, write=True) as store:
        with_lists = IndexedSearch(store, tmp_path / "index", exact_below=100, lists_from=500)
        with_lists.close()
        for module in (hamming, index, indexed):
            monkeypatch.setattr(module, "has_faiss", lambda: False)
        search = IndexedSearch(store, tmp_path / "index", exact_below=100, lists_from=500, notice=notices.append)
        assert search._live is not None and search._maintainer._limits.lists_from == math.inf
        rows, _ = search.nearest(query, 10)
        exact, _ = ExactSearch(store).nearest(query, 10)
        search.close()
    assert len(query) == DIM and len(np.intersect1d(rows, exact)) >= 9
    assert len(notices) == 1 and "pip install 'viewfix[large]'" in notices[0]
