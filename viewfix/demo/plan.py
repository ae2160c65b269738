"""The plan of a small town, from a seed: streets, blocks, lots and street furniture, in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]  # metres east, metres north


@dataclass(frozen=True, slots=True)
class Street:
    """A straight street from `start` to `end`; `width_m` from house to house. Photos are taken on it."""

    start: Point
    end: Point
    width_m: float


@dataclass(frozen=True, slots=True)
class Lot:
    """One house: its front runs left to right as seen from the street, the house lies `depth_m` behind it."""

    left: Point
    right: Point
    depth_m: float
    seed: int
    corner: bool

    @property
    def width_m(self) -> float:
        return math.dist(self.left, self.right)

    @property
    def footprint(self) -> tuple[Point, Point, Point, Point]:
        """Front left, front right, back right, back left."""
        (ax, ay), (bx, by) = self.left, self.right
        inx, iny = -(by - ay) / self.width_m * self.depth_m, (bx - ax) / self.width_m * self.depth_m
        return self.left, self.right, (bx + inx, by + iny), (ax + inx, ay + iny)


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in the street: `kind` is the name of its sprite, `heading_deg` the direction that its front faces."""

    kind: str
    east_m: float
    north_m: float
    heading_deg: float = 0.0
    variant: int = 0


@dataclass(frozen=True)
class Plan:
    """Everything that does not move. `blocks` are polygons of building land, `squares` are open."""

    streets: tuple[Street, ...]
    crossings: tuple[Point, ...]
    blocks: tuple[tuple[Point, ...], ...]
    squares: tuple[tuple[Point, ...], ...]
    lots: tuple[Lot, ...]
    things: tuple[Thing, ...]
    half_m: float  # everything lies within this of the origin, east-west and north-south


def inset(quad: list[Point], by_m: list[float]) -> list[Point]:
    """A counterclockwise polygon whose side i (from corner i to the next) is moved inwards by `by_m[i]`."""
    lines = []
    for i, (ax, ay) in enumerate(quad):
        bx, by = quad[(i + 1) % len(quad)]
        length = math.hypot(bx - ax, by - ay)
        nx, ny = -(by - ay) / length, (bx - ax) / length
        lines.append((nx, ny, nx * ax + ny * ay + by_m[i]))
    corners = []
    for i in range(len(quad)):
        (a, b, c), (d, e, f) = lines[i - 1], lines[i]
        det = a * e - b * d
        corners.append(((c * e - b * f) / det, (a * f - c * d) / det))
    return corners


def _nodes(rng: np.random.Generator, blocks: int) -> np.ndarray:
    """(n, n, 2) street corners, index [row from the south][column from the west]; the outer ring is the town's edge."""
    gaps = [[34.0, *rng.uniform(44, 58, blocks), 34.0] for _ in range(2)]
    lines = [np.concatenate([[0.0], np.cumsum(g)]) - sum(g) / 2 for g in gaps]
    grid = np.stack(np.meshgrid(lines[0], lines[1]), axis=-1)
    return grid + rng.uniform(-4.0, 4.0, grid.shape)  # no two streets are quite parallel


def _lots(rng: np.random.Generator, polygon: list[Point], built: list[bool]) -> list[Lot]:
    """Houses along every built side; the two lots that meet at a corner are one house with one seed."""
    corner_seeds = rng.integers(0, 2**31, len(polygon))
    lots = []
    for i, left in enumerate(polygon):
        if not built[i]:
            continue
        right = polygon[(i + 1) % len(polygon)]
        length = math.dist(left, right)
        count = max(1, round(length / rng.uniform(9, 12.5)))
        shares = np.cumsum(rng.uniform(0.75, 1.25, count))
        cuts = [0.0, *(shares / shares[-1])]
        for j in range(count):
            first, last = j == 0 and built[i - 1], j == count - 1 and built[(i + 1) % len(polygon)]
            seed = int(
                corner_seeds[i] if first else corner_seeds[(i + 1) % len(polygon)] if last else rng.integers(2**31)
            )
            a, b = (
                (left[0] + t * (right[0] - left[0]), left[1] + t * (right[1] - left[1])) for t in (cuts[j], cuts[j + 1])
            )
            lots.append(Lot(a, b, 9.0, seed, corner=first or last))
    return lots


def _along(street: Street, metres: float, aside_m: float) -> Point:
    """The point `metres` along a street and `aside_m` to the right of its centre line."""
    (ax, ay), (bx, by) = street.start, street.end
    length = math.dist(street.start, street.end)
    dx, dy = (bx - ax) / length, (by - ay) / length
    return ax + dx * metres + dy * aside_m, ay + dy * metres - dx * aside_m


def _street_things(rng: np.random.Generator, street: Street) -> list[Thing]:
    """Lamps, trees, cars and people along both pavements of one street, clear of the crossings."""
    things = []
    length = math.dist(street.start, street.end)
    heading = math.degrees(math.atan2(street.end[0] - street.start[0], street.end[1] - street.start[1]))
    kerb = street.width_m / 2 - 2.6
    tree_lined = rng.random() < 0.4
    for side in (-1, 1):
        parked = rng.random() < 0.75
        for metres in np.arange(street.width_m / 2 + 5.0, length - street.width_m / 2 - 4.0, 5.6):
            x, y = _along(street, float(metres + rng.uniform(-0.8, 0.8)), side * (kerb - 1.1))
            if parked and rng.random() < 0.5:
                turn = 0.0 if side > 0 else 180.0
                things.append(Thing("car", x, y, heading + turn, int(rng.integers(8))))
            x, y = _along(street, float(metres + 2.8), side * (kerb + 0.6))
            draw = rng.random()
            if draw < 0.22:
                things.append(Thing("lamp", x, y, heading, int(side > 0)))
            elif draw < (0.75 if tree_lined else 0.32):
                things.append(Thing("tree", x, y, 0.0, int(rng.integers(6))))
            elif draw < 0.88:
                x, y = _along(street, float(metres + 2.8), side * (kerb + 1.6))
                kind = str(rng.choice(["person", "bench", "bin", "signpost", "person", "planter"]))
                things.append(Thing(kind, x, y, heading + (90.0 if side < 0 else -90.0), int(rng.integers(6))))
    return things


def _square_things(rng: np.random.Generator, polygon: list[Point]) -> list[Thing]:
    """A monument in the middle, a kiosk, trees and benches around it."""
    cx, cy = (sum(p[k] for p in polygon) / len(polygon) for k in (0, 1))
    things = [Thing("monument", cx, cy, 0.0, int(rng.integers(3)))]
    for i, (px, py) in enumerate(polygon):
        qx, qy = polygon[(i + 1) % len(polygon)]
        for t in (0.15, 0.38, 0.62, 0.85):
            x, y = px + t * (qx - px), py + t * (qy - py)
            x, y = cx + 0.82 * (x - cx), cy + 0.82 * (y - cy)
            kind = "tree" if rng.random() < 0.7 else "lamp"
            things.append(Thing(kind, x, y, 0.0, int(rng.integers(6))))
        x, y = cx + 0.45 * (px - cx), cy + 0.45 * (py - cy)
        kind = ("kiosk", "bench", "kiosk", "bench")[i % 4]
        things.append(Thing(kind, x, y, float(rng.uniform(0, 360)), int(rng.integers(4))))
    return things


def draw_plan(seed: int, blocks: int) -> Plan:
    """The plan of town `seed`: `blocks` x `blocks` blocks between streets, and a ring of houses around them."""
    rng = np.random.default_rng([seed, 1])
    nodes = _nodes(rng, blocks)
    n = len(nodes)

    def at(row: int, col: int) -> Point:
        return float(nodes[row, col, 0]), float(nodes[row, col, 1])

    widths = {(axis, line): float(rng.uniform(14, 19)) for axis in (0, 1) for line in range(1, n - 1)}
    streets, lots, polygons, squares, things = [], [], [], [], []
    for line in range(1, n - 1):
        for k in range(n - 1):
            streets.append(Street(at(line, k), at(line, k + 1), widths[0, line]))
            streets.append(Street(at(k, line), at(k + 1, line), widths[1, line]))
    open_cell = (int(rng.integers(1, n - 2)), int(rng.integers(1, n - 2))) if blocks > 1 else None
    for row in range(n - 1):
        for col in range(n - 1):
            quad = [at(row, col), at(row, col + 1), at(row + 1, col + 1), at(row + 1, col)]
            half = [widths.get(key, 0.0) / 2 for key in ((0, row), (1, col + 1), (0, row + 1), (1, col))]
            polygon = inset(quad, half)
            if (row, col) == open_cell:
                squares.append(tuple(polygon))
                things += _square_things(rng, polygon)
            else:
                polygons.append(tuple(polygon))
                lots += _lots(rng, polygon, [h > 0 for h in half])
    for street in streets:
        things += _street_things(rng, street)
    crossings = tuple(at(r, c) for r in range(1, n - 1) for c in range(1, n - 1))
    half_m = float(np.abs(nodes).max()) + 6.0
    return Plan(tuple(streets), crossings, tuple(polygons), tuple(squares), tuple(lots), tuple(things), half_m)
