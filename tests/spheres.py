"""Panoramas drawn for the tests: every direction of the world has its own colour, so any view can be computed."""

import math
from pathlib import Path

import numpy as np
from drawn import saved

LAT, LON = 60.17, 24.94


def rotation(pitch_deg: float, roll_deg: float) -> np.ndarray:
    """From the frame of a camera (x right, y down, z forward) to that of the world, written out by hand."""
    cp, sp = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
    cr, sr = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    up = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    clockwise = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return up @ clockwise


def colours(directions: np.ndarray) -> np.ndarray:
    """(..., 3) unit directions of the world as (..., 3) uint8 RGB."""
    return np.rint(127.5 + 127.5 * directions).astype(np.uint8)


def sphere(width_px: int = 1024, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> np.ndarray:
    """The panorama that a camera would take that was held with this pitch and roll."""
    height_px = width_px // 2
    lon = ((np.arange(width_px) + 0.5) / width_px - 0.5) * 2 * math.pi
    lat = (0.5 - (np.arange(height_px) + 0.5) / height_px) * math.pi
    lon, lat = np.meshgrid(lon, lat)
    seen = np.stack([np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon)], axis=-1)
    return colours(seen @ rotation(pitch_deg, roll_deg).T)


def flat(side_px: int, yaw_deg: float, field_deg: float = 90.0) -> np.ndarray:
    """The picture that an ordinary camera would take that was level and looked in this direction."""
    steps = ((np.arange(side_px) + 0.5) / side_px * 2 - 1) * math.tan(math.radians(field_deg) / 2)
    x, y = np.meshgrid(steps, steps)
    seen = np.stack([x, y, np.ones_like(x)], axis=-1)
    seen /= np.linalg.norm(seen, axis=-1, keepdims=True)
    c, s = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    return colours(seen @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T)


def gpano(**properties: object) -> bytes:
    """An XMP packet with a position and with these properties of GPano."""
    names = "".join(f' GPano:{name}="{value}"' for name, value in properties.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
        f'exif:GPSLatitude="{LAT}" exif:GPSLongitude="{LON}"{names}/></rdf:RDF></x:xmpmeta>'
    ).encode()


def save_panorama(file: Path, picture: np.ndarray, **properties: object) -> Path:
    """A JPEG with GPano metadata."""
    file.write_bytes(saved(picture, xmp=gpano(ProjectionType="equirectangular", **properties)))
    return file
