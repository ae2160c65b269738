"""Render what a level camera sees in a town, as upright RGB."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .atlas import LEVELS, WIDTHS, Atlas
from .facades import PROFILE, draw_facade
from .light import SKY_HEIGHT_PX, SKY_TOP, SKY_WIDTH_PX, Floats, Light, sky, smooth_noise
from .plan import Lot, Plan, Thing
from .styles import Look, quarter, style
from .things import Sprite, sprite

EYE_M = 1.6
HORIZON_SHARE = 0.68  # of the height, from the top: people frame the houses rather than the street
NEAR_M = 0.3
FAR_M = 1e6
QUARTER_M = 30.0
GROUND_TILE_M, GROUND_TILE_PX = 16.0, 512


@dataclass(frozen=True)
class PinholeCamera:
    """A level pinhole camera: position in metres, heading clockwise from north, picture and focal length in pixels."""

    east_m: float
    north_m: float
    heading_deg: float
    width_px: int
    height_px: int
    focal_px: float

    @property
    def horizon_px(self) -> float:
        return HORIZON_SHARE * self.height_px

    @property
    def forward(self) -> tuple[float, float]:
        angle = math.radians(self.heading_deg)
        return math.sin(angle), math.cos(angle)


@dataclass
class _Walls:
    """What each column of pixels hits: depth along the view axis, which front, where along it, and at what angle."""

    depth_m: Floats
    lot: npt.NDArray[np.intp]
    share: Floats
    facing: Floats  # cosine of the angle at which the column meets the wall
    normal: npt.NDArray[np.float64]


class Scene:
    """A town that can be rendered. Everything that does not depend on the camera is painted once."""

    def __init__(self, plan: Plan, look: Look, seed: int, *, px_per_m: float) -> None:
        self.plan, self.look, self.seed, self.px_per_m = plan, look, seed, px_per_m
        self._left = np.array([lot.left for lot in plan.lots])
        self._along = np.array([lot.right for lot in plan.lots]) - self._left
        length = np.linalg.norm(self._along, axis=1, keepdims=True)
        self._width_m = length[:, 0]
        # A front runs left to right as seen from the street, so the street is on its right-hand side.
        self._normal = np.stack([self._along[:, 1], -self._along[:, 0]], axis=1) / length
        fronts = [
            draw_facade(style(lot.seed, self._look_at(lot), lot.corner), lot.width_m, lot.seed, px_per_m)
            for lot in plan.lots
        ]
        self._profile = np.stack([front.profile_m for front in fronts])
        self._texture_m = np.array([front.height_m for front in fronts], np.float32)
        self._atlas = Atlas([front.texture for front in fronts])
        self._sprites: dict[tuple[str, int], Sprite] = {}
        self._skies: dict[Light, npt.NDArray[np.uint8]] = {}
        rng = np.random.default_rng([seed, 7])
        grain = smooth_noise(rng, GROUND_TILE_PX, GROUND_TILE_PX, 3) * 0.05
        self._ground = (1 + grain + smooth_noise(rng, GROUND_TILE_PX, GROUND_TILE_PX, 60) * 0.04).astype(np.float32)

    def render(self, camera: PinholeCamera, light: Light, extra: tuple[Thing, ...] = ()) -> npt.NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB of what the camera sees; `extra` are things that pass by."""
        across = (np.arange(camera.width_px, dtype=np.float32) + 0.5 - camera.width_px / 2) / camera.focal_px
        up = (camera.horizon_px - np.arange(camera.height_px, dtype=np.float32) - 0.5) / camera.focal_px
        picture = self._paint_sky(camera, light, across, up)
        walls = self._cast(camera, across)
        self._paint_ground(picture, camera, light, across, up)
        self._paint_walls(picture, camera, light, up, walls)
        self._paint_things(picture, camera, light, walls.depth_m, extra)
        return np.clip(picture, 0, 255).astype(np.uint8)

    def _look_at(self, lot: Lot) -> Look:
        """The look of a house: that of its stretch of street; for a corner house, seen from two, that of the town."""
        if lot.corner:
            return self.look
        cell = [round(metres / QUARTER_M) + 1000 for metres in lot.left]
        return quarter(self.look, (self.seed, *cell))

    def _cast(self, camera: PinholeCamera, across: Floats) -> _Walls:
        """Intersect one ray for each column with every front; the nearest hit counts."""
        fx, fy = camera.forward
        rays = np.stack([fx + across * fy, fy - across * fx], axis=1).astype(
            np.float64
        )  # (W, 2); depth 1 along the axis
        to_left = self._left - np.array([camera.east_m, camera.north_m])
        cross = rays[:, None, 0] * self._along[None, :, 1] - rays[:, None, 1] * self._along[None, :, 0]
        cross = np.where(np.abs(cross) < 1e-9, 1e-9, cross)
        depth = (to_left[:, 0] * self._along[:, 1] - to_left[:, 1] * self._along[:, 0])[None] / cross
        share = (to_left[None, :, 0] * rays[:, None, 1] - to_left[None, :, 1] * rays[:, None, 0]) / cross
        depth = np.where((depth > NEAR_M) & (share >= 0) & (share <= 1), depth, FAR_M)
        lot = depth.argmin(axis=1)
        column = np.arange(len(rays))
        unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        facing = np.abs((unit * self._normal[lot]).sum(axis=1))
        return _Walls(
            depth[column, lot].astype(np.float32), lot, share[column, lot].astype(np.float32),
            facing.astype(np.float32), self._normal[lot],
        )  # fmt: skip

    def _paint_sky(self, camera: PinholeCamera, light: Light, across: Floats, up: Floats) -> Floats:
        if light not in self._skies:
            self._skies[light] = sky(light, self.seed)
        panorama = self._skies[light]
        azimuth = (camera.heading_deg + np.degrees(np.arctan(across))) % 360
        x = np.minimum((azimuth / 360 * SKY_WIDTH_PX).astype(int), SKY_WIDTH_PX - 1)
        tangent = up[:, None] / np.sqrt(1 + across[None] ** 2)
        y = ((1 - np.clip(tangent / SKY_TOP, 0, 1)) * (SKY_HEIGHT_PX - 1)).astype(int)
        return panorama[y, x[None], :3].astype(np.float32)

    def _paint_ground(self, picture: Floats, camera: PinholeCamera, light: Light, across: Floats, up: Floats) -> None:
        below = np.flatnonzero(up < 0)
        depth = EYE_M / -up[below][:, None] * np.ones_like(across)[None]
        fx, fy = camera.forward
        east = camera.east_m + depth * (fx + across[None] * fy)
        north = camera.north_m + depth * (fy - across[None] * fx)
        row, column = ((np.mod(m, GROUND_TILE_M) / GROUND_TILE_M * GROUND_TILE_PX).astype(int) for m in (north, east))
        grain = self._ground[row % GROUND_TILE_PX, column % GROUND_TILE_PX]
        colour = np.broadcast_to(np.array(self.look.paving, np.float32), (*east.shape, 3)).copy()
        for street in self.plan.streets:
            start, end = np.array(street.start), np.array(street.end)
            length = float(np.linalg.norm(end - start))
            dx, dy = (end - start) / length
            along = (east - start[0]) * dx + (north - start[1]) * dy
            aside = np.abs((east - start[0]) * -dy + (north - start[1]) * dx)
            kerb = street.width_m / 2 - 2.6
            on = (along > -kerb) & (along < length + kerb)
            colour[on & (aside < kerb)] = self.look.asphalt
            colour[on & (np.abs(aside - kerb) < 0.12)] = 198
            colour[on & (aside < 0.08) & (np.mod(along, 6) < 3) & (along > kerb) & (along < length - kerb)] = 224
        lit = np.array(light.ambient, np.float32) + np.array(light.sun, np.float32) * 0.5
        colour *= grain[..., None] * lit
        picture[below] = _hazed(colour, depth[..., None], light)

    def _paint_walls(self, picture: Floats, camera: PinholeCamera, light: Light, up: Floats, walls: _Walls) -> None:
        hit = walls.depth_m < FAR_M
        profile_at = np.clip((walls.share * PROFILE).astype(int), 0, PROFILE - 1)
        top_m = np.where(hit, self._profile[walls.lot, profile_at], -1)
        height_m = EYE_M + up[:, None] * walls.depth_m[None]
        rows, columns = np.nonzero((height_m >= 0) & (height_m <= top_m[None]))
        lot, depth = walls.lot[columns], walls.depth_m[columns]
        # One level of the texture for each halving of its size on screen; narrower ones for walls seen at an angle.
        level = np.clip(np.log2(np.maximum(self.px_per_m * depth / camera.focal_px, 1)).round(), 0, LEVELS - 1).astype(
            int
        )
        askew = np.clip(np.log2(1 / np.maximum(walls.facing[columns], 0.2)).round(), 0, WIDTHS - 1).astype(int)
        down = 1 - height_m[rows, columns] / self._texture_m[lot]
        texel = self._atlas.sample(lot, level, askew, walls.share[columns], down.astype(np.float32)).astype(np.float32)
        towards = np.array(light.towards_sun)
        sunny = np.maximum(0, walls.normal @ towards)[columns, None]
        lit = np.array(light.ambient, np.float32) + np.array(light.sun, np.float32) * sunny
        glow = texel[:, 3:] / 255 * light.lamps * np.array([255, 214, 140], np.float32)
        picture[rows, columns] = _hazed(texel[:, :3] * lit + glow, depth[:, None], light)

    def _paint_things(
        self, picture: Floats, camera: PinholeCamera, light: Light, wall_m: Floats, extra: tuple[Thing, ...]
    ) -> None:
        """Paint flat pictures that face the camera, the farthest first, cut off by nearer walls."""
        fx, fy = camera.forward
        seen = []
        for thing in (*self.plan.things, *extra):
            east, north = thing.east_m - camera.east_m, thing.north_m - camera.north_m
            depth = east * fx + north * fy
            if 1.2 < depth < 90:
                seen.append((depth, (east * fy - north * fx) / depth, thing))
        lit = np.array(light.ambient, np.float32) + np.array(light.sun, np.float32) * 0.6
        for depth, aside, thing in sorted(seen, key=lambda each: -each[0]):
            drawn = self._sprite(thing)
            scale = camera.focal_px / depth
            # A car seen from its end is as narrow as it is high.
            turn = abs(math.sin(math.radians(thing.heading_deg - camera.heading_deg)))
            wide_m = drawn.width_m * (0.4 + 0.6 * turn if thing.kind in ("car", "van", "bench") else 1.0)
            width, height = max(1, round(wide_m * scale)), max(1, round(drawn.height_m * scale))
            left = round(camera.width_px / 2 + aside * camera.focal_px - width / 2)
            bottom = round(camera.horizon_px + EYE_M * scale)
            columns = np.arange(max(0, left), min(camera.width_px, left + width))
            columns = columns[wall_m[columns] > depth]
            first, last = max(0, bottom - height), min(camera.height_px, bottom)
            if not len(columns) or last <= first or height > 4 * camera.height_px:
                continue
            image = np.asarray(Image.fromarray(drawn.picture).resize((width, height), Image.Resampling.BOX), np.float32)
            part = image[first - bottom + height : last - bottom + height][:, columns - left]
            colour = part[..., :3] * (lit if not (drawn.shines and light.lamps) else 1.2)
            share = part[..., 3:] / 255
            before = picture[first:last, columns]
            picture[first:last, columns] = before + share * (_hazed(colour, np.float32(depth), light) - before)

    def _sprite(self, thing: Thing) -> Sprite:
        key = (thing.kind, thing.variant)
        if key not in self._sprites:
            self._sprites[key] = sprite(*key)
        return self._sprites[key]


def _hazed(colour: Floats, depth_m: Floats | np.float32, light: Light) -> Floats:
    """Fade colours into the horizon with distance."""
    clear = np.exp(-depth_m / light.haze_m)
    return np.asarray(colour * clear + np.array(light.horizon, np.float32) * 255 * (1 - clear), np.float32)
