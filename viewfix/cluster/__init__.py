"""Photos are embedded on many machines: an address of a Ray cluster goes in, what `ingest` describes by comes out."""

from __future__ import annotations

from .describing import describer
from .place import Cluster, Where

__all__ = ["Cluster", "Where", "describer"]
