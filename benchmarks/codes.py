"""Measure the recall of the true ten nearest descriptors by codes of 16, 32 and 64 bytes.

    python benchmarks/codes.py                        200,000 generated descriptors, about 8 minutes on two cores
    python benchmarks/codes.py --photos 20000

This uses product quantisation of FAISS over randomly rotated descriptors, and compares every code, so that only the
code reduces recall. "Compared again" is the number of best codes whose descriptors are then compared exactly, as every
engine of viewfix does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import streets  # noqa: E402

TOP = 10
AGAIN = (0, 50, 150, 1000)
BYTES = (16, 32, 64)
QUERIES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200_000)
    given = parser.parse_args()
    units = np.concatenate([d for _, d in streets.photos(given.photos)]).astype(np.float32)
    units /= np.linalg.norm(units, axis=1)[:, None]
    questions = np.ascontiguousarray(streets.queries(QUERIES, given.photos), np.float32)
    exact = faiss.IndexFlatIP(units.shape[1])
    exact.add(units)
    _, truth = exact.search(questions, TOP)
    print(f"{len(units):,} made descriptors of {units.shape[1]} numbers, {QUERIES} questions, recall of the true {TOP}")
    print("bytes | " + " | ".join(f"{again} compared again" if again else "code alone" for again in AGAIN))
    for size in BYTES:
        index = faiss.index_factory(units.shape[1], f"RR,PQ{size}x8", faiss.METRIC_INNER_PRODUCT)
        index.train(units[np.random.default_rng(0).choice(len(units), min(20_000, len(units)), replace=False)])
        index.add(units)
        _, found = index.search(questions, max(AGAIN))
        recalls = []
        for again in AGAIN:
            named = found[:, : again or TOP]
            kept = [row[np.argsort(-(units[row] @ q))[:TOP]] for row, q in zip(named, questions, strict=True)]
            hits = sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(kept, truth, strict=True))
            recalls.append(hits / truth.size)
        print(f"{size} | " + " | ".join(f"{recall:.3f}" for recall in recalls), flush=True)


if __name__ == "__main__":
    main()
