"""BoQ, Bag of Queries (Ali-bey et al., 2024): learned queries attend to the feature map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import BadInput
from .aggregator import Aggregator

CHANNELS_PER_HEAD = 64


class BoQ(Aggregator):
    """(B, C, H, W) float to (B, width * out_rows) float, rows of length 1.

    Parameters are named as in the published checkpoints (after their `aggregator.`).

    Args:
        width: channels after the 3x3 convolution, a multiple of 64; 512 on ResNet50, 384 on DINOv2.
        queries: learned questions in each block.
        blocks: one after the other; each sees the map as the one before left it.
        out_rows: the answers of all blocks are mixed down to so many.
    """

    def __init__(
        self, channels: int, *, width: int = 512, queries: int = 64, blocks: int = 2, out_rows: int = 32
    ) -> None:
        super().__init__()
        if width % CHANNELS_PER_HEAD:
            raise BadInput(f"width of BoQ is {width}. It must be a multiple of {CHANNELS_PER_HEAD}; the usual is 512.")
        self.dim = width * out_rows
        self.proj_c = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.norm_input = nn.LayerNorm(width)
        self.boqs = nn.ModuleList(Block(width, queries) for _ in range(blocks))
        self.fc = nn.Linear(blocks * queries, out_rows)

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        x = self.norm_input(self.proj_c(features).flatten(2).transpose(1, 2))  # (B, P, width)
        answers = []
        for block in self.boqs:
            x, answer = block(x)
            answers.append(answer)
        together = torch.cat(answers, dim=1).transpose(1, 2)  # (B, width, blocks * queries)
        return F.normalize(self.fc(together).flatten(1), dim=1)


class Block(nn.Module):
    """(B, P, width) float to the same after self-attention, and (B, queries, width) answers out of it."""

    def __init__(self, width: int, queries: int) -> None:
        super().__init__()
        heads = width // CHANNELS_PER_HEAD
        self.encoder = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True)
        self.queries = nn.Parameter(torch.randn(1, queries, width))
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_q = nn.LayerNorm(width)
        self.cross_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encoder(x)
        asked = self.queries.expand(len(x), -1, -1)
        asked = self.norm_q(asked + self.self_attn(asked, asked, asked, need_weights=False)[0])
        return x, self.norm_out(self.cross_attn(asked, x, x, need_weights=False)[0])
