"""The steps of a route in English."""

from __future__ import annotations

from .guidance import FERRY, STAIRS, RouteStep
from .speeds import Mode

GO: dict[Mode, str] = {"walk": "walk", "cycle": "ride", "drive": "drive"}
WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
TURNS = {
    "ahead": "go straight on",
    "slightly right": "bear right",
    "right": "turn right",
    "sharp right": "turn sharp right",
    "around": "turn around",
    "sharp left": "turn sharp left",
    "left": "turn left",
    "slightly left": "bear left",
}
SIDES = {"left": "on your left", "right": "on your right", "ahead": "ahead of you", "behind": "behind you"}


def instruction(step: RouteStep, destination: str) -> str:
    """A step such as "turn left, 80 m along Mannerheimintie"."""
    if step.turn == "arrive":
        return f"you are there: {destination}" + (f", {SIDES[step.side]}" if step.side else "")
    wind = WINDS[round(step.bearing_deg / 45.0) % 8]
    start = f"go {wind}" if step.turn is None else TURNS[step.turn]
    if step.surface == FERRY:
        where = f"on the ferry {step.street or ''}".rstrip()
    elif step.street is not None:
        where = f"along {step.street}" if step.surface != STAIRS else f"up or down the stairs of {step.street}"
    else:
        where = "on the stairs" if step.surface == STAIRS else f"along the {step.surface}"
    return f"{start}, {distance(step.distance_m)} {where}"


def distance(metres: float) -> str:
    """A distance as people say it: 8 m, 80 m, 1.3 km."""
    if metres >= 995:
        return f"{metres / 1000:.1f} km"
    return f"{round(metres, -1) if metres >= 20 else metres:.0f} m"


def duration(seconds: float) -> str:
    """A time as people say it: 4 min, 1 h 20 min."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
