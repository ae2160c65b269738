"""Thinning of a map: find the photos that it does not need to recognise its places."""

from __future__ import annotations

from .plan import RECALL_BUDGET, Thinning, plan_thinning

__all__ = ["RECALL_BUDGET", "Thinning", "plan_thinning"]
