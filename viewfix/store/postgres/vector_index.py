"""The HNSW index over the descriptors of a map in PostgreSQL: its name, its size limits, its expressions."""

from __future__ import annotations

INDEX = "descriptors_by_likeness"
INDEX_FROM = 20_000  # photos: comparing a query with all of them takes the server about 10 ms
MOST_DIM = 4_000  # pgvector's HNSW takes no longer halfvec: longer descriptors are indexed by their signs
BUILD_MEMORY = "1GB"  # of the server, at most, while it builds an index; with less pgvector works on disk, slowly


def order_of(dim: int) -> tuple[str, str]:
    """The SQL that HNSW indexes, and the SQL that orders by similarity to the parameter %(query)s."""
    if dim <= MOST_DIM:
        return "vector halfvec_ip_ops", f"vector <#> %(query)s::halfvec({dim})"
    signs = f"(binary_quantize(vector)::bit({dim}))"
    return f"({signs}) bit_hamming_ops", f"{signs} <~> binary_quantize(%(query)s::halfvec({dim}))::bit({dim})"
