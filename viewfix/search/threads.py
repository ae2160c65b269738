"""A limit on the threads that FAISS uses for one query."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run FAISS on the calling thread only.

    One query is too little work to share: on a busy machine, waiting for other threads turned a search of 1 ms into
    25 ms. The limit applies only to the calling thread, so other threads can train an index meanwhile.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
