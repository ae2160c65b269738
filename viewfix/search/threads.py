"""A search runs inside; meanwhile FAISS keeps to the thread that asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One query is too little to share: on a busy machine, waiting for the other threads took 25 ms of a search of 1.

    The number belongs to the calling thread, so others may be training meanwhile.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
