"""Light at several times of day and in several kinds of weather, and the sky as a panorama."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Rgb = tuple[float, float, float]
Floats = npt.NDArray[np.float32]

SKY_TOP = 1.3  # tangent of the highest elevation in the panorama
SKY_HEIGHT_PX, SKY_WIDTH_PX = 208, 1440


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a scene. Colours are factors on the paint, 1 is white; `lamps` is 0 by day and 1 at night."""

    name: str
    sun_azimuth_deg: float
    sun_elevation_deg: float
    sun: Rgb
    ambient: Rgb
    zenith: Rgb
    horizon: Rgb
    clouds: float
    lamps: float = 0.0
    haze_m: float = 450.0

    @property
    def towards_sun(self) -> tuple[float, float]:
        """Unit vector on the ground, east and north."""
        angle = math.radians(self.sun_azimuth_deg)
        return math.sin(angle), math.cos(angle)


DAY = Light("day", 155, 48, (0.62, 0.58, 0.50), (0.52, 0.55, 0.60), (0.36, 0.56, 0.86), (0.80, 0.87, 0.94), 0.35)
MORNING = Light("morning", 100, 27, (0.66, 0.55, 0.40), (0.46, 0.49, 0.56), (0.45, 0.62, 0.86), (0.95, 0.88, 0.78), 0.2)
AFTERNOON = Light(
    "afternoon", 245, 33, (0.70, 0.58, 0.42), (0.46, 0.49, 0.55), (0.40, 0.58, 0.84), (0.93, 0.88, 0.8), 0.5
)
OVERCAST = Light(
    "overcast", 180, 60, (0.0, 0.0, 0.0), (0.80, 0.82, 0.85), (0.70, 0.73, 0.77), (0.84, 0.86, 0.88), 0.9, 0.0, 260.0
)
DUSK = Light(
    "dusk", 285, 8, (0.22, 0.13, 0.08), (0.42, 0.43, 0.52), (0.13, 0.18, 0.36), (0.78, 0.52, 0.42), 0.6, 1.0, 380.0
)
LIGHTS = (DAY, MORNING, AFTERNOON, OVERCAST, DUSK)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell_px: float) -> Floats:
    """(height, width) float32 noise around 0, deviation about 1, with blobs of `cell_px` pixels."""
    small = rng.standard_normal((max(2, int(height / cell_px) + 2), max(2, int(width / cell_px) + 2)))
    picture = Image.fromarray(small.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float32)


def sky(light: Light, seed: int) -> npt.NDArray[np.uint8]:
    """(SKY_HEIGHT_PX, SKY_WIDTH_PX, 4) uint8 RGBA, alpha 255: columns are azimuths from 0 to 360, clockwise from
    north; rows are tangents of the elevation from SKY_TOP down to 0. Hills stand along the horizon."""
    rng = np.random.default_rng([seed, 2])
    up = np.linspace(1.0, 0.0, SKY_HEIGHT_PX, dtype=np.float32)[:, None]
    share = (up**0.6)[..., None]
    picture = np.array(light.horizon, np.float32) * (1 - share) + np.array(light.zenith, np.float32) * share
    picture = np.repeat(picture, SKY_WIDTH_PX, axis=1)
    around = np.arange(SKY_WIDTH_PX, dtype=np.float32) * (360.0 / SKY_WIDTH_PX)
    off_sun = np.abs((around - light.sun_azimuth_deg + 180) % 360 - 180)
    off_up = (up - math.tan(math.radians(light.sun_elevation_deg)) / SKY_TOP) * 60
    picture += (
        np.exp(-((off_sun[None] / 40) ** 2) - (off_up / 25) ** 2)[..., None] * np.array(light.sun, np.float32) * 0.5
    )
    cloud_rng = np.random.default_rng([seed, 3, int(light.clouds * 100)])
    noise = sum(smooth_noise(cloud_rng, SKY_HEIGHT_PX, SKY_WIDTH_PX, 90 / 2**k) * 0.62**k for k in range(4))
    seam = np.minimum(around, 360 - around)[None] / 20  # clouds fade where 360 meets 0, to hide the seam
    cover = np.clip((np.asarray(noise) + 2.4 * light.clouds - 0.9) * 0.9, 0, 1) * np.clip(seam, 0, 1)
    bright = np.array(light.horizon, np.float32) * 0.35 + 0.65 * (
        np.array(light.ambient) + 0.9 * np.array(light.sun) + 0.1
    )
    picture += (bright - picture) * (cover * 0.75)[..., None]
    for distance, high in ((0.45, 0.055), (0.8, 0.035)):  # far hills are paler and lower
        waves = sum(np.sin(np.radians(around * k) + rng.uniform(0, 6.3)) / k**0.7 for k in (2, 3, 5, 9, 17, 40))
        ridge = high * (1 + 0.55 * np.asarray(waves))
        hill = np.array((0.30, 0.40, 0.33)) * (np.array(light.ambient) + 0.5 * np.array(light.sun))
        colour = hill * (1 - distance * 0.6) + np.array(light.horizon) * distance * 0.6
        picture = np.where((up * SKY_TOP < ridge[None])[..., None], colour, picture)
    rgba = np.full((SKY_HEIGHT_PX, SKY_WIDTH_PX, 4), 255, np.uint8)
    rgba[..., :3] = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return rgba
