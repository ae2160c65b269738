"""Augmentations of a training picture: light, weather, season, viewpoint and camera."""

from __future__ import annotations

import difflib
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ..errors import BadInput

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def light_field(rng: np.random.Generator, size: tuple[int, int], *, spread: float) -> npt.NDArray[np.float32]:
    """(H, W) float32: the logarithm of a smooth change of light, as lamps and shadows make it."""
    coarse = rng.normal(0, spread, (int(rng.integers(3, 6)), int(rng.integers(3, 6)))).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def relit(picture: Image.Image, rng: np.random.Generator, *, grey: bool, strength: float = 1.0) -> Image.Image:
    """The picture in other light: gamma, lamps, a darker sky, exposure, noise, blur; grey like a night camera.

    `strength` scales how uneven the new light is; 0 leaves it even.
    """
    light = np.asarray(picture, np.float32) / 255
    height, width = light.shape[:2]
    if grey:
        light = np.repeat((light @ LUMA)[..., None], 3, axis=2)
    light = light ** rng.uniform(0.7, 2.2)
    sky = np.linspace(rng.uniform(0, 1.5) * strength, 0, height)[:, None]
    light = light * np.exp(light_field(rng, (width, height), spread=0.7 * strength) - sky)[..., None]
    if not grey:
        light = light * np.exp(rng.normal(0, 0.2, 3))  # the colour of lamps
    light = light / (light.mean() + 1e-3) * rng.uniform(0.15, 0.5)
    if rng.random() < 0.5:
        light = np.tanh(light * 1.2)  # a camera that rounds highlights off
    noise = rng.normal(0, rng.uniform(0, 0.06), light.shape)
    light = light + (noise[..., :1] if grey else noise)
    changed = Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8))
    return changed.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5))) if rng.random() < 0.5 else changed


def moved(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture from a little beside: a crop of 72 to 95 % of its width, in slight perspective."""
    width, height = picture.size
    share = rng.uniform(0.72, 0.95)
    left, top = rng.uniform(0, 1) * (1 - share) * width, rng.uniform(0.3, 0.7) * (1 - share) * height
    right, bottom = left + share * width, top + share * height
    corners = np.array([[left, top], [left, bottom], [right, bottom], [right, top]])
    corners = (corners + rng.uniform(-0.05, 0.05, (4, 2)) * [width, height]).clip([0, 0], [width, height])
    data = [float(value) for value in corners.reshape(-1)]
    return picture.transform(picture.size, Image.Transform.QUAD, data, Image.Resampling.BILINEAR)


KINDS = ("day-night", "weather", "season", "occlusion", "viewpoint", "camera")
"""What a place may look different by; `augmented` takes their names."""


def augmented(picture: Image.Image, rng: np.random.Generator, strength: float, kinds: Sequence[str]) -> Image.Image:
    """The place as another day, another camera or a step aside would show it: the size stays, the place does.

    What changes the scene comes before what changes the camera, whatever the order of `kinds`; each
    of them happens half the time, so that pictures with few changes are seen as well.

    Args:
        picture: RGB.
        rng: where all chances come from: the same picture and state give the same pixels.
        strength: [0, 3], how far every change goes; 0 changes nothing.
        kinds: names out of KINDS.

    Raises:
        BadInput: there is no such kind.
    """
    check_kinds(kinds)
    if strength <= 0:
        return picture
    for kind in KINDS:
        if kind in kinds and rng.random() < 0.5:
            picture = _CHANGES[kind](picture, rng, strength)
    return picture


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse, with a suggestion, a kind of augmentation that does not exist.

    Raises:
        BadInput: there is no such kind.
    """
    for kind in kinds:
        if kind not in KINDS:
            close = difflib.get_close_matches(kind, KINDS, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(KINDS)}."
            raise BadInput(f"There is no augmentation called {kind!r}. {hint}")


def _day_night(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    return relit(picture, rng, grey=bool(rng.random() < 0.2), strength=min(strength, 1.5))


def _weather(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Fog that thickens with distance (towards the middle of the height), rain that streaks, or hard sun."""
    light, (width, height) = _light(picture), picture.size
    kind = rng.integers(3)
    if kind == 0:
        depth = 1 - np.abs(np.linspace(-1.1, 0.9, height))[:, None, None]
        share = (rng.uniform(0.2, 0.7) * min(strength, 1.4) * (0.4 + 0.6 * depth)).clip(0, 0.95)
        light = light * (1 - share) + share * rng.uniform(0.6, 0.9)
    elif kind == 1:
        drops = (rng.random((height, width)) < 0.004 * strength).astype(np.float32) * 255
        streaks = Image.fromarray(drops.astype(np.uint8))
        length_px = max(2, round(height * rng.uniform(0.02, 0.06)))
        lean_px = rng.uniform(-0.4, 0.4)
        rain = np.zeros((height, width), np.float32)
        for step in range(length_px):  # a drop falls while the shutter is open
            offset = (1, 0, lean_px * step, 0, 1, step)
            rain += np.asarray(streaks.transform(picture.size, Image.Transform.AFFINE, offset), np.float32) / 255
        light = light * (1 - 0.15 * min(strength, 2)) + 0.35 * rain.clip(0, 1)[..., None]
    else:
        shade = np.exp(light_field(rng, picture.size, spread=0.6 * strength))[..., None]
        light = ((light - 0.5) * rng.uniform(1.0, 1.0 + 0.6 * strength) + 0.5) * shade
    return _picture(light)


def _season(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Green leaves turn, wither or go; or what is bright and lies low gets snow."""
    light = _light(picture)
    green = (light[..., 1:2] - np.maximum(light[..., :1], light[..., 2:])).clip(0, 1) * 6
    share = (green * min(strength, 1.5)).clip(0, 1)
    if rng.random() < 0.7:
        leaf = (light @ LUMA)[..., None] * rng.uniform([0.9, 0.5, 0.2], [1.6, 1.2, 0.7]).astype(np.float32)
        light = light * (1 - share) + leaf * share
    else:
        low = np.linspace(-0.5, 1, light.shape[0], dtype=np.float32)[:, None, None].clip(0, 1)
        snow = ((light @ LUMA)[..., None] - 0.25).clip(0, 1) * low * rng.uniform(0.5, 1.2) * strength
        light = light * (1 - snow.clip(0, 0.8)) + snow.clip(0, 0.8)
    return _picture(light * np.exp(rng.normal(0, 0.06 * strength, 3)))


def _occlusion(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """One to three things stand in the way: vehicles and people, so low and lumpy, in some dull colour."""
    width, height = picture.size
    covered = picture.copy()
    for _ in range(int(rng.integers(1, 4))):
        wide = max(2, round(width * rng.uniform(0.06, 0.28) * min(strength, 2)))
        tall = max(2, round(height * rng.uniform(0.12, 0.4) * min(strength, 2)))
        left = int(rng.integers(-wide // 2, width - wide // 2))
        top = round((height - tall) * rng.uniform(0.45, 1.0))
        shape = Image.new("L", (wide, tall), 0)
        draw = ImageDraw.Draw(shape)
        draw.rounded_rectangle((0, 0, wide - 1, tall - 1), radius=min(wide, tall) * rng.uniform(0.1, 0.5), fill=255)
        grain = rng.uniform(0.1, 0.8) + rng.normal(0, 0.06, 3) + light_field(rng, (wide, tall), spread=0.12)[..., None]
        covered.paste(_picture(grain), (left, top), shape)
    return covered


def _viewpoint(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """A tilt of the camera, then a crop in slight perspective. The tilt's empty corners fall to the crop, mostly."""
    reach = min(strength, 2.0)
    angle_deg = rng.normal(0, 4.0 * reach)
    mean = tuple(round(value) for value in np.asarray(picture, np.float32).mean((0, 1)))
    tilted = picture.rotate(angle_deg, Image.Resampling.BILINEAR, fillcolor=mean)
    return moved(tilted, rng)


def _camera(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Another sensor and another app: exposure, white balance, saturation, blur, noise, fewer pixels, JPEG."""
    light = _light(picture) * np.exp(rng.normal(0, 0.2 * strength)) * np.exp(rng.normal(0, 0.06 * strength, 3))
    grey = (light @ LUMA)[..., None]
    light = grey + (light - grey) * np.exp(rng.normal(0, 0.3 * strength))
    light = light.clip(0, 1) ** np.exp(rng.normal(0, 0.15 * strength))
    changed = _picture(light + rng.normal(0, 0.03 * strength * rng.random(), light.shape))
    width, height = picture.size
    if rng.random() < 0.4:
        share = rng.uniform(1 / (1 + strength), 1.0)
        small = max(8, round(width * share)), max(8, round(height * share))
        changed = changed.resize(small, Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.4:
        changed = changed.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2 * strength)))
    if rng.random() < 0.5:
        written = io.BytesIO()
        changed.save(written, "JPEG", quality=int(rng.integers(max(5, 60 - round(25 * strength)), 90)))
        changed = Image.open(written).convert("RGB")
    return changed


def _light(picture: Image.Image) -> npt.NDArray[Any]:
    return np.asarray(picture.convert("RGB"), np.float32) / 255


def _picture(light: npt.NDArray[Any]) -> Image.Image:
    return Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8))


_CHANGES: dict[str, Callable[[Image.Image, np.random.Generator, float], Image.Image]] = {
    "day-night": _day_night,
    "weather": _weather,
    "season": _season,
    "occlusion": _occlusion,
    "viewpoint": _viewpoint,
    "camera": _camera,
}
