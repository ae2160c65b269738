"""What a map covers: where it would find a photo, where it would not, and what to photograph next."""

from __future__ import annotations

from .result import Coverage, Gap, LookAlike, LookAlikePhoto, Spot, Suggestion
from .survey import SAMPLE, survey

__all__ = ["SAMPLE", "Coverage", "Gap", "LookAlike", "LookAlikePhoto", "Spot", "Suggestion", "survey"]
