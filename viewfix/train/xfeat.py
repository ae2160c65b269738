"""XFeat: a few hundred local features with descriptors for a picture.

Potje and others, "XFeat: Accelerated Features for Lightweight Image Matching", CVPR 2024. The modules carry the
names of the published state dict, so that its weights load as they are; the sparse setting is what is built.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELL_PX = 8
"""A cell of the network: every one has a descriptor, and one logit for each of its 64 pixels and for "no corner"."""

LEAST_HEAT = 0.05
SUPPRESSION_PX = 5
HOTTEST = 4096
"""Corners whose reliability is looked up; as many as there are pixels in the smallest picture, 64 x 64."""

DIM = 64
BEYOND = "fine_matcher."
"""Of the published weights: only for the semi-dense setting, which is not built."""


class BasicLayer(nn.Module):
    """Convolution, batch normalisation without weights, ReLU."""

    def __init__(self, given: int, made: int, size: int = 3, *, stride: int = 1) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            nn.Conv2d(given, made, size, stride=stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(made, affine=False),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.layer(x)
        return made


class XFeat(nn.Module):
    """(1, 3, H, W) pixels of any range, H and W multiples of 32, to the `count` strongest local features.

    Returns:
        keypoints (count, 2) float32 x, y in pixels; scores (count,) float32, not positive where there are fewer
        corners than `count`; descriptors (count, 64) float32 of length 1.
    """

    def __init__(self, *, count: int = 1024) -> None:
        super().__init__()
        self.count = count
        self.skip1 = nn.Sequential(nn.AvgPool2d(4, stride=4), nn.Conv2d(1, 24, 1))
        self.block1 = _layers((1, 4, 1), (4, 8, 2), (8, 8, 1), (8, 24, 2))
        self.block2 = _layers((24, 24, 1), (24, 24, 1))
        self.block3 = nn.Sequential(*_layers((24, 64, 2), (64, 64, 1)), BasicLayer(64, 64, 1))
        self.block4 = _layers((64, 64, 2), (64, 64, 1), (64, 64, 1))
        self.block5 = nn.Sequential(*_layers((64, 128, 2), (128, 128, 1), (128, 128, 1)), BasicLayer(128, 64, 1))
        self.block_fusion = nn.Sequential(*_layers((64, 64, 1), (64, 64, 1)), nn.Conv2d(64, DIM, 1))
        self.heatmap_head = nn.Sequential(*(BasicLayer(64, 64, 1) for _ in range(2)), nn.Conv2d(64, 1, 1), nn.Sigmoid())
        self.keypoint_head = nn.Sequential(*(BasicLayer(64, 64, 1) for _ in range(3)), nn.Conv2d(64, 65, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, logits, reliability = self.maps(pixels)
        height, width = pixels.shape[-2:]
        heat = F.pixel_shuffle(F.softmax(logits, 1)[:, : CELL_PX**2], CELL_PX)
        highest = F.max_pool2d(heat, SUPPRESSION_PX, stride=1, padding=SUPPRESSION_PX // 2)
        corners = torch.where((heat == highest) & (heat > LEAST_HEAT), heat, torch.full_like(heat, -1.0))
        heats, at = corners.flatten().topk(HOTTEST)
        x = torch.arange(width, device=pixels.device).to(heat.dtype)
        y = torch.arange(height, device=pixels.device).to(heat.dtype)
        places = torch.stack([x[None].expand(height, width), y[:, None].expand(height, width)], -1)
        keypoints = places.reshape(-1, 2)[at]
        scores, strongest = (heats * _sampled(reliability, keypoints, "bilinear")[0]).topk(self.count)
        keypoints = keypoints[strongest]
        found = _sampled(F.normalize(features, dim=1), keypoints, "bicubic").T
        return keypoints, scores, F.normalize(found, dim=-1)

    def maps(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Descriptors (1, 64, H/8, W/8), corner logits (1, 65, H/8, W/8) and reliability (1, 1, H/8, W/8)."""
        grey = F.instance_norm(pixels.mean(1, keepdim=True))
        x2 = self.block2(self.block1(grey) + self.skip1(grey))
        x3 = self.block3(x2)
        x4 = self.block4(x3)
        x5 = self.block5(x4)
        pyramid = x3 + sum(F.interpolate(x, x3.shape[-2:], mode="bilinear") for x in (x4, x5))
        features = self.block_fusion(pyramid)
        cells = F.pixel_unshuffle(grey, CELL_PX)
        return features, self.keypoint_head(cells), self.heatmap_head(features)


def _layers(*shapes: tuple[int, int, int]) -> nn.Sequential:
    return nn.Sequential(*(BasicLayer(given, made, stride=stride) for given, made, stride in shapes))


def _sampled(values: Tensor, at: Tensor, mode: str) -> Tensor:
    """Values (1, C, h, w) at points (N, 2) in pixels of the whole picture, by the published convention; (C, N)."""
    size = torch.tensor([values.shape[-1], values.shape[-2]], dtype=values.dtype, device=values.device) * CELL_PX
    found = F.grid_sample(values, (2 * at / (size - 1) - 1)[None, None], mode=mode, align_corners=False)
    return found[0, :, 0]
