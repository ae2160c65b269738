"""MixVPR (Ali-bey et al., 2023): a feature map of fixed size, mixed over all positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import BadInput
from .aggregator import Aggregator


class MixVPR(Aggregator):
    """(B, C, rows, columns) float to (B, out_channels * out_rows) float, rows of length 1.

    Parameters are named as in the published checkpoints (after their `aggregator.`).

    Args:
        grid: (rows, columns) of the map, fixed, since every position has its own weights: (20, 20) is 320x320 pixels
            at stride 16.
        out_channels, out_rows: 1024 and 4 make the published 4096, 256 and 2 make 512, 64 and 2 make 128.
        depth: how many times positions are mixed.
        ratio: width of the hidden layer of a mixer, in numbers of positions.
    """

    def __init__(
        self,
        channels: int,
        *,
        grid: tuple[int, int] = (20, 20),
        out_channels: int = 1024,
        out_rows: int = 4,
        depth: int = 4,
        ratio: int = 1,
    ) -> None:
        super().__init__()
        self.dim = out_channels * out_rows
        self.grid = grid
        positions = grid[0] * grid[1]
        self.mix = nn.Sequential(*(Mixer(positions, ratio * positions) for _ in range(depth)))
        self.channel_proj = nn.Linear(channels, out_channels)
        self.row_proj = nn.Linear(positions, out_rows)

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        rows, columns = self.grid
        # An export leaves height and width free; the reshape then keeps to the number of positions in the file.
        if not torch.compiler.is_compiling() and features.shape[2:] != self.grid:
            height, width = features.shape[2:]
            raise BadInput(
                f"This MixVPR takes feature maps of {rows}x{columns} and was given {height}x{width}. "
                f"Use pictures of the size it was made for, or train one with grid = [{height}, {width}]."
            )
        x = self.mix(features.flatten(2).reshape(len(features), -1, rows * columns))  # (B, C, P)
        x = self.channel_proj(x.transpose(1, 2)).transpose(1, 2)  # (B, out_channels, P)
        return F.normalize(self.row_proj(x).flatten(1), dim=1)


class Mixer(nn.Module):
    """(B, C, P) float to the same: every position of a channel takes part in every other."""

    def __init__(self, positions: int, hidden: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.LayerNorm(positions), nn.Linear(positions, hidden), nn.ReLU(), nn.Linear(hidden, positions)
        )
        for layer in (self.mix[1], self.mix[3]):
            assert isinstance(layer, nn.Linear)
            nn.init.trunc_normal_(layer.weight, std=0.02)  # small: each mixer starts near the identity
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.mix(x)
        return mixed
