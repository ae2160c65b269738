"""How many photos and questions go in; memory, disk, machines and the engine to choose come out, as was measured."""

from .constants import Constant, load
from .planning import Machine, Part, Plan, Wish, plan

__all__ = ["Constant", "Machine", "Part", "Plan", "Wish", "load", "plan"]
