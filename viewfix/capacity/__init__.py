"""How many photos and questions go in; memory, disk, machines and the engine to choose come out, as was measured."""

from .constants import Constant, load
from .planning import Machine, Part, Plan, Workload, plan

__all__ = ["Constant", "Machine", "Part", "Plan", "Workload", "load", "plan"]
