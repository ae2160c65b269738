"""Photos are embedded on many machines: an address of a Ray cluster goes in, what `ingest` describes by comes out."""

from __future__ import annotations

from .cluster import Cluster, Where
from .driver import describer

__all__ = ["Cluster", "Where", "describer"]
