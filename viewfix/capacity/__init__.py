"""Capacity planning: the memory, disks, machines and engine that a map of a given size needs."""

from .constants import Constant, load
from .estimate import Part, Plan, plan
from .workload import Machine, Workload

__all__ = ["Constant", "Machine", "Part", "Plan", "Workload", "load", "plan"]
