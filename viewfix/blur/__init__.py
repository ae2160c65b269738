"""Blurring of faces, and of what a detector of your own finds, before a picture is kept or shown."""

from __future__ import annotations

from .blur import Blur
from .files import blurred_file
from .model import BlurringModel
from .shown import load_shown

__all__ = ["Blur", "BlurringModel", "blurred_file", "load_shown"]
