"""Views in any direction from four photos that look north, east, south and west."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..errors import BadInput

HEADINGS_DEG = (0.0, 90.0, 180.0, 270.0)


class Ring:
    """Four square photos of 90 degrees each, side by side: the whole horizon.

    Args:
        faces: (4, S, S, 3) uint8 RGB that look to 0, 90, 180 and 270 degrees.
    """

    def __init__(self, faces: npt.NDArray[np.uint8]) -> None:
        if faces.ndim != 4 or faces.shape[0] != 4 or faces.shape[1] != faces.shape[2]:
            raise BadInput(
                f"A ring is made of four square photos of 90 degrees; these have the shape {faces.shape}. "
                "Use the photos of one spot at 0, 90, 180 and 270 degrees."
            )
        self.side_px = faces.shape[1]
        strip = torch.from_numpy(np.concatenate(list(faces), axis=1))
        self._strip = strip.permute(2, 0, 1)[None].float()  # (1, 3, S, 4 S)

    def view(
        self,
        heading_deg: float,
        *,
        field_of_view_deg: float,
        pitch_deg: float = 0.0,
        roll_deg: float = 0.0,
        side_px: int,
    ) -> npt.NDArray[np.uint8]:
        """(side_px, side_px, 3) uint8 RGB as a camera would see it that looks to `heading_deg`, clockwise from north.

        What lies above or below the photos is drawn from their last row.
        """
        reach = math.tan(math.radians(field_of_view_deg) / 2)
        steps = (np.arange(side_px) + 0.5) / side_px * 2 - 1
        right, up = np.meshgrid(steps * reach, -steps * reach)
        roll, pitch = math.radians(roll_deg), math.radians(pitch_deg)
        right, up = right * math.cos(roll) - up * math.sin(roll), right * math.sin(roll) + up * math.cos(roll)
        up, ahead = up * math.cos(pitch) + math.sin(pitch), math.cos(pitch) - up * math.sin(pitch)
        azimuth = np.arctan2(right, ahead) + math.radians(heading_deg)
        face = np.round(azimuth / (math.pi / 2))
        aside = azimuth - face * (math.pi / 2)  # from the middle of the face, [-45, 45] degrees
        height = up / np.hypot(right, ahead) / np.cos(aside)
        last = self.side_px - 1.0
        # Within its own face: a pixel at the seam must not be mixed with the photo beside it.
        x = ((np.tan(aside) + 1) / 2 * self.side_px - 0.5).clip(0, last) + (face % 4) * self.side_px
        y = ((1 - height.clip(-1, 1)) / 2 * self.side_px - 0.5).clip(0, last)
        grid = np.stack([2 * (x + 0.5) / (4 * self.side_px) - 1, 2 * (y + 0.5) / self.side_px - 1], axis=-1)
        drawn = F.grid_sample(self._strip, torch.from_numpy(grid.astype(np.float32))[None], align_corners=False)
        return np.asarray((drawn[0].permute(1, 2, 0) + 0.5).clamp(0, 255).to(torch.uint8).numpy())
