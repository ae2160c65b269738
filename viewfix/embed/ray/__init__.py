"""Description of photos by the workers of a Ray cluster."""

from __future__ import annotations

from .cluster import Cluster, Where
from .driver import describer

__all__ = ["Cluster", "Where", "describer"]
