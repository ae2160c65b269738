"""A map goes in; where it would find a photo, where it is blind, and what to photograph next come out."""

from __future__ import annotations

from .findings import Coverage, Gap, LookAlike, Seen, Spot, Suggestion
from .survey import SAMPLE, survey

__all__ = ["SAMPLE", "Coverage", "Gap", "LookAlike", "Seen", "Spot", "Suggestion", "survey"]
