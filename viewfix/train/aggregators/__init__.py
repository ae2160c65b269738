"""Aggregation layers by name: a feature map to one vector for each picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..named import made
from .aggregator import Aggregator
from .boq import BoQ
from .convap import ConvAP
from .cosplace import CosPlace
from .gem import GeM
from .ghostvlad import GhostVLAD
from .mixvpr import MixVPR
from .netvlad import NetVLAD
from .pooling import MAC, SPoC
from .refined_netvlad import RefinedNetVLAD
from .salad import SALAD

MAKERS: dict[str, Callable[..., Aggregator]] = {
    "netvlad": partial(NetVLAD, clusters=64),
    "ghostvlad": partial(GhostVLAD, clusters=64),
    "refined-netvlad": partial(RefinedNetVLAD, clusters=64),
    "gem": GeM,
    "spoc": SPoC,
    "mac": MAC,
    "convap": ConvAP,
    "cosplace": CosPlace,
    "mixvpr": MixVPR,
    "salad": SALAD,
    "boq": BoQ,
}
NAMES: tuple[str, ...] = tuple(MAKERS)


def make(name: str, channels: int, **hyper: Any) -> Aggregator:
    """The aggregation layer of that name, with random weights, for maps of so many channels.

    Args:
        name: one of `NAMES`.
        hyper: keyword arguments of the class; the published figures where they are left out.

    Raises:
        BadInput: an unknown name or hyper-parameter, or a value of the wrong kind.
    """
    return made("aggregation layer", MAKERS, name, {"channels": channels}, **hyper)
