"""Read datasets in the layouts of the field: map pictures, queries, and which match is right."""

from __future__ import annotations

from .by_name import open
from .dataset import Areas, Dataset, Picture
from .manifests import pair
from .patch_netvlad import from_npz

__all__ = ["Areas", "Dataset", "Picture", "from_npz", "open", "pair"]
