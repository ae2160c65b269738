"""LighterGlue: matching of the local features of two pictures.

The small LightGlue (Lindenberger and others, "LightGlue: Local Feature Matching at Light Speed", ICCV 2023) that the
authors of XFeat trained for it: six layers of one head and 96 numbers. Without early stopping and without pruning,
which would make its cost depend on what is seen. The modules carry the names of the published state dict.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .xfeat import DIM

WIDTH = 96
LAYERS = 6
PREFIX = "matcher."
BEYOND = ("token_confidence.", "log_assignment.0.", "log_assignment.1.", "log_assignment.2.", "log_assignment.3.",
          "log_assignment.4.")  # fmt: skip
"""Of the published weights: only for stopping early."""


class Posenc(nn.Module):
    """Keypoints (N, 2) in [-1, 1] to rotary phases, cosines and sines, (2, N, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.Wr = nn.Linear(2, WIDTH // 2, bias=False)

    def forward(self, keypoints: Tensor) -> Tensor:
        phase = self.Wr(keypoints)
        return torch.stack([phase.cos(), phase.sin()]).repeat_interleave(2, dim=-1)


def _turned(x: Tensor, phases: Tensor) -> Tensor:
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    across = torch.stack([-pairs[..., 1], pairs[..., 0]], -1).flatten(-2)
    return x * phases[0] + across * phases[1]


def _ffn() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2 * WIDTH, 2 * WIDTH), nn.LayerNorm(2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
    )


class SelfBlock(nn.Module):
    """Every feature of a picture looks at the others, (N, WIDTH) to the same; where they lie turns what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.Wqkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        self.ffn = _ffn()

    def forward(self, x: Tensor, phases: Tensor) -> Tensor:
        query, key, value = self.Wqkv(x).reshape(-1, WIDTH, 3).unbind(-1)
        scores = _turned(query, phases) @ _turned(key, phases).T / WIDTH**0.5
        message = self.out_proj(scores.softmax(-1) @ value)
        moved: Tensor = x + self.ffn(torch.cat([x, message], -1))
        return moved


class CrossBlock(nn.Module):
    """Every feature looks at those of the other picture, by one matrix of likeness for both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.to_qk = nn.Linear(WIDTH, WIDTH)
        self.to_v = nn.Linear(WIDTH, WIDTH)
        self.to_out = nn.Linear(WIDTH, WIDTH)
        self.ffn = _ffn()

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        likeness = self.to_qk(a) @ self.to_qk(b).T / WIDTH**0.5
        to_a = self.to_out(likeness.softmax(-1) @ self.to_v(b))
        to_b = self.to_out(likeness.T.softmax(-1) @ self.to_v(a))
        return a + self.ffn(torch.cat([a, to_a], -1)), b + self.ffn(torch.cat([b, to_b], -1))


class TransformerLayer(nn.Module):
    """Each picture for itself, then each with the other."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = SelfBlock()
        self.cross_attn = CrossBlock()

    def forward(self, a: Tensor, b: Tensor, phases_a: Tensor, phases_b: Tensor) -> tuple[Tensor, Tensor]:
        met: tuple[Tensor, Tensor] = self.cross_attn(self.self_attn(a, phases_a), self.self_attn(b, phases_b))
        return met


class MatchAssignment(nn.Module):
    """Two sets of features to (N, M) log-probabilities that two of them show the same point."""

    def __init__(self) -> None:
        super().__init__()
        self.matchability = nn.Linear(WIDTH, 1)
        self.final_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        likeness = self.final_proj(a) @ self.final_proj(b).T / WIDTH**0.5
        matchable = F.logsigmoid(self.matchability(a)) + F.logsigmoid(self.matchability(b)).T
        assigned: Tensor = F.log_softmax(likeness, 1) + F.log_softmax(likeness, 0) + matchable
        return assigned


class LighterGlue(nn.Module):
    """Keypoints (N, 2) and (M, 2) in [-1, 1] and descriptors (N, 64) and (M, 64) to the best partner of each.

    Returns:
        partner (N,) int64: the index of the most probable feature of the other picture, -1 where it prefers
        another; probability (N,) float32 in [0, 1], 0 where there is no partner.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input_proj = nn.Linear(DIM, WIDTH)
        self.posenc = Posenc()
        self.transformers = nn.ModuleList(TransformerLayer() for _ in range(LAYERS))
        self.log_assignment = nn.ModuleList([*(nn.Identity() for _ in range(LAYERS - 1)), MatchAssignment()])

    def forward(
        self, keypoints_a: Tensor, descriptors_a: Tensor, keypoints_b: Tensor, descriptors_b: Tensor
    ) -> tuple[Tensor, Tensor]:
        a, b = self.input_proj(descriptors_a), self.input_proj(descriptors_b)
        phases_a, phases_b = self.posenc(keypoints_a), self.posenc(keypoints_b)
        for layer in self.transformers:
            a, b = layer(a, b, phases_a, phases_b)
        assigned = self.log_assignment[-1](a, b)
        best, partner = assigned.max(1)
        returned = assigned.max(0).indices[partner]
        mutual = returned == torch.arange(a.shape[0], device=a.device)
        nothing = torch.full_like(partner, -1)
        return torch.where(mutual, partner, nothing), torch.where(mutual, best.exp(), torch.zeros_like(best))
