"""The styles of houses, from a seed and the look of a town: material, colours, floors, windows and shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from .sheet import Ink

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Look:
    """What the houses of one town have in common: lists to choose from. Duplicates are chosen more often."""

    materials: tuple[str, ...]
    walls: tuple[Ink, ...]
    trims: tuple[Ink, ...]
    roofs: tuple[str, ...]
    roof_inks: tuple[Ink, ...]
    floors: tuple[int, int]
    shops: tuple[str, ...]
    paving: Ink
    asphalt: Ink


OLD_TOWN = Look(
    materials=("plaster", "plaster", "plaster", "brick", "stone", "timber"),
    walls=(
        (226, 190, 120), (206, 120, 92), (150, 178, 190), (236, 222, 190), (176, 196, 150), (214, 150, 150),
        (240, 236, 226), (196, 164, 120), (130, 150, 120), (168, 84, 70), (108, 132, 168), (232, 170, 90),
    ),
    trims=((245, 240, 228), (232, 218, 190), (120, 96, 80), (205, 205, 200)),
    roofs=("mansard", "gable", "stepped", "curved", "flat", "hip", "gable"),
    roof_inks=((150, 74, 52), (120, 62, 50), (88, 88, 96), (164, 92, 60), (78, 96, 84)),
    floors=(2, 4),
    shops=(
        "BAKERY", "CAFE LUNA", "BOOKS", "PHARMACY", "HOTEL ADRIA", "CINEMA", "FLOWERS", "TOYS", "WINE BAR", "OPTICIAN",
        "MUSIC", "TAILOR", "BICYCLES", "ANTIQUES", "POST", "TEA HOUSE", "BARBER", "GALLERY", "SHOES", "FISH", "CLOCKS",
        "PIZZERIA", "CAMERAS", "HATS", "MARKET", "LIBRARY", "BANK", "SPICES", "VINYL", "THEATRE", "CHEESE", "DENTIST",
    ),
    paving=(168, 160, 148),
    asphalt=(92, 92, 94),
)  # fmt: skip

HARBOUR = Look(
    materials=("concrete", "glass", "brick", "glass", "concrete", "cladding"),
    walls=(
        (120, 124, 128), (70, 84, 96), (148, 70, 56), (196, 198, 196), (52, 60, 66), (96, 130, 136), (176, 150, 120),
        (210, 190, 60), (60, 96, 130),
    ),
    trims=((60, 64, 70), (220, 222, 224), (40, 44, 48), (150, 156, 160)),
    roofs=("flat", "flat", "shed", "flat"),
    roof_inks=((70, 74, 80), (96, 100, 104), (120, 60, 50)),
    floors=(4, 7),
    shops=("LOGISTICS", "GYM", "TERMINAL 2", "OFFICES", "MARINE", "RAMEN", "CO-WORK", "CARGO", "STUDIO 9", "DIVING"),
    paving=(132, 136, 140),
    asphalt=(64, 66, 72),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """The style of one house; both fronts of a corner house share it."""

    material: str
    wall: Ink
    trim: Ink
    frame: Ink
    roof: str
    roof_ink: Ink
    floors: int
    floor_m: float
    ground_m: float
    window: str
    window_m: tuple[float, float]  # width, height
    bay_m: float  # from window to window
    ground: str
    shop: str
    sign: Ink
    accent: Ink
    extras: tuple[str, ...]

    @property
    def eaves_m(self) -> float:
        return self.ground_m + self.floors * self.floor_m

    @property
    def roof_m(self) -> float:
        return {"flat": 0.7, "mansard": 2.8, "hip": 2.4, "shed": 1.8}.get(self.roof, 4.0)

    @property
    def top_m(self) -> float:
        return self.eaves_m + self.roof_m


def quarter(look: Look, seed: Sequence[int]) -> Look:
    """The look of one stretch of street: a few of the materials, colours and roofs of the town."""
    rng = np.random.default_rng([*seed, 9])

    def some(options: tuple[Choice, ...], count: int) -> tuple[Choice, ...]:
        return tuple(options[int(i)] for i in rng.permutation(len(options))[:count])

    low = int(rng.integers(look.floors[0], look.floors[1] + 1))
    return replace(
        look,
        materials=some(look.materials, 2),
        walls=some(look.walls, 3),
        trims=some(look.trims, 1),
        roofs=some(look.roofs, 2),
        roof_inks=some(look.roof_inks, 1),
        floors=(low, low + 1),
    )


ACCENTS: tuple[Ink, ...] = (
    (150, 36, 40), (28, 84, 70), (36, 60, 120), (196, 150, 40), (90, 50, 90), (40, 40, 44), (210, 110, 50),
    (60, 130, 140),
)  # fmt: skip
WINDOWS = {
    "glass": ("strip", "curtain"),
    "concrete": ("plain", "strip", "plain"),
    "cladding": ("plain", "french", "strip"),
}


def style(seed: int, look: Look, corner: bool) -> Style:
    """The style for a seed. The roof of a corner house must look the same from both fronts."""
    rng = np.random.default_rng([seed, 4])

    def pick(options: Sequence[Choice]) -> Choice:
        return options[int(rng.integers(len(options)))]

    material = pick(look.materials)
    roofs = tuple(r for r in look.roofs if r in ("mansard", "flat", "hip")) if corner else look.roofs
    modern = material in WINDOWS
    ground = pick(
        ("shop", "shop", "shop", "home", "home", "arcade") if not modern else ("shop", "lobby", "garage", "shop")
    )
    floor_m = float(rng.uniform(2.8, 3.5))
    extras = tuple(e for e in ("balcony", "bands", "quoins", "ivy", "lantern", "boxes", "pipe") if rng.random() < 0.25)
    return Style(
        material=material,
        wall=pick(look.walls),
        trim=pick(look.trims),
        frame=pick(((245, 245, 240), (70, 50, 40), (50, 70, 60), (245, 245, 240), (60, 64, 70))),
        roof=pick(roofs),
        roof_ink=pick(look.roof_inks),
        floors=int(rng.integers(look.floors[0], look.floors[1] + 1)) - 1,
        floor_m=floor_m,
        ground_m=float(rng.uniform(3.2, 4.4)),
        window=pick(WINDOWS.get(material, ("plain", "shutters", "arched", "french", "pediment", "plain", "paired"))),
        window_m=(float(rng.uniform(0.9, 1.5)), floor_m * float(rng.uniform(0.45, 0.64))),
        bay_m=float(rng.uniform(2.1, 3.5)),
        ground=ground,
        shop=pick(look.shops),
        sign=pick(ACCENTS),
        accent=pick(ACCENTS),
        extras=extras,
    )
