"""Alignment of a map: headings and positions of its photos, corrected by their neighbours on strong evidence."""

from __future__ import annotations

from .apply import apply_alignment, undo_alignment
from .plan import Alignment, Correction, plan_alignment

__all__ = ["Alignment", "Correction", "apply_alignment", "plan_alignment", "undo_alignment"]
