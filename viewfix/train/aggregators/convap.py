"""Conv-AP (Ali-bey et al., 2022): channels mixed by a convolution, averaged over a few cells."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .aggregator import Aggregator


class ConvAP(Aggregator):
    """(B, C, H, W) float to (B, out_channels * rows * columns) float, rows of length 1.

    Args:
        out_channels: channels after the 1x1 convolution.
        cells: (rows, columns) that the map is averaged to; cells overlap by one position where they do not divide it.
    """

    def __init__(self, channels: int, *, out_channels: int = 1024, cells: tuple[int, int] = (2, 2)) -> None:
        super().__init__()
        self.dim = out_channels * cells[0] * cells[1]
        self.cells = cells
        self.channel_pool = nn.Conv2d(channels, out_channels, kernel_size=1)

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        x = self.channel_pool(features)
        # Torch's adaptive pooling cannot be exported for maps of any size.
        x = _averaged(x, 2, self.cells[0])
        x = _averaged(x, 3, self.cells[1])
        return F.normalize(x.flatten(1), dim=1)


def _averaged(x: Tensor, axis: int, cells: int) -> Tensor:
    """The means over `cells` stretches of one axis; a stretch begins rounded down and ends rounded up."""
    size = x.shape[axis]
    stretches = []
    for i in range(cells):
        begin, end = i * size // cells, ((i + 1) * size + cells - 1) // cells
        stretches.append(x.narrow(axis, begin, end - begin).mean(dim=axis))
    return torch.stack(stretches, dim=axis)
