"""A picture becomes the same place in other light, or from a little beside: what a whitening is to make little of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

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
