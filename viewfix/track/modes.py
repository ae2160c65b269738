"""Modes of travel: how fast the camera may move, and how far apart two places must be to tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadInput


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode of travel.

    `cell_m` is the size of a place: photos of one cell are one place. `speeds_mps` are the bins of speed, from 0 up.
    `acceleration_mps2` is the usual change of speed. `turn_deg` is the usual change of the direction of travel from
    one frame to the next, and `turn_floor` the weight of any other change, against 1 for going straight on.
    """

    name: str
    cell_m: float
    speeds_mps: tuple[float, ...]
    acceleration_mps2: float
    turn_deg: float = 40.0
    turn_floor: float = 0.05

    @property
    def fastest_mps(self) -> float:
        """The highest speed."""
        return self.speeds_mps[-1]


MODES = {
    mode.name: mode
    for mode in (
        Mode("walk", 4.0, (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0), 0.5, 45.0, 0.1),
        Mode("cycle", 6.0, (0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 9.0, 11.0), 0.7, 40.0, 0.08),
        Mode("drive", 8.0, (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 20.0, 25.0, 30.0, 36.0), 1.5, 40.0, 0.05),
        Mode("train", 25.0, (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 60.0), 0.2, 30.0, 0.001),
        Mode("auto", 6.0, (0.0, 0.7, 1.4, 2.1, 3.0, 5.0, 8.0, 12.0, 18.0, 26.0, 36.0, 50.0), 1.0, 40.0, 0.05),
    )
}


def mode_named(name: str) -> Mode:
    """The mode with this name.

    Raises:
        BadInput: there is none.
    """
    if name not in MODES:
        raise BadInput(f"{name!r} is not a mode of travel. Use one of: {', '.join(MODES)}.")
    return MODES[name]
