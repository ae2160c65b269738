"""DINOv2 vision transformers: a map of patch features, and one token for each picture.

Oquab and others, "DINOv2: learning robust visual features without supervision", TMLR 2024
(arXiv:2304.07193); with registers: Darcet and others, "Vision transformers need registers",
ICLR 2024 (arXiv:2309.16588). Under the tensor names of facebookresearch/dinov2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone

PATCH_PX = 14
EPSILON = 1e-6


class Tokens(NamedTuple):
    """What travels between blocks: (B, 1 + registers + height * width, C) float, and the grid of the patches."""

    tokens: Tensor
    height: int
    width: int


class Attention(nn.Module):
    """Self-attention of several heads over (B, N, C) float."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out: Tensor = self.proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return out


class Perceptron(nn.Module):
    """Two linear layers with GELU between, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class LayerScale(nn.Module):
    """A learned factor for every channel of a residual branch."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Attention, then a perceptron, each normalised before and added to its input."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPSILON)
        self.attn = Attention(dim, heads)
        self.ls1 = LayerScale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp = Perceptron(dim)
        self.ls2 = LayerScale(dim)

    def forward(self, x: Tokens) -> Tokens:
        tokens = x.tokens
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        tokens = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return x._replace(tokens=tokens)


class Patches(nn.Module):
    """(B, 3, H, W) float to (B, C, H / 14, W / 14) float: one linear map of every patch."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH_PX, PATCH_PX)

    def forward(self, x: Tensor) -> Tensor:
        patches: Tensor = self.proj(x)
        return patches


class First(nn.Module):
    """The first stage: (B, 3, H, W) float to Tokens with their positions."""

    def __init__(self, owner: DINOv2) -> None:
        super().__init__()
        self.patch_embed, self.cls_token, self.pos_embed = owner.patch_embed, owner.cls_token, owner.pos_embed
        self.register_tokens = owner.register_tokens

    def forward(self, x: Tensor) -> Tokens:
        patches = self.patch_embed(x)
        height, width = patches.shape[-2:]
        # Those with registers were published with another way of resampling: without the 0.1, with antialiasing.
        registers = self.register_tokens
        places = positions(self.pos_embed[0, 1:], height, width, antialias=registers is not None)
        tokens = patches.flatten(2).transpose(1, 2) + places.to(patches.dtype)
        begin = [self.cls_token + self.pos_embed[:, :1]] + ([] if registers is None else [registers])
        tokens = torch.cat([*(each.expand(len(x), -1, -1) for each in begin), tokens], dim=1)
        return Tokens(tokens, height, width)


class Last(nn.Module):
    """The last stage: Tokens to (map (B, C, height, width), token (B, C)) float."""

    def __init__(self, block: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.norm = norm

    def forward(self, x: Tokens) -> tuple[Tensor, Tensor]:
        tokens = self.norm(self.block(x).tokens)
        patches = tokens[:, tokens.shape[1] - x.height * x.width :]
        return patches.transpose(1, 2).unflatten(2, (x.height, x.width)), tokens[:, 0]


class DINOv2(Backbone):
    """(B, 3, H, W) float, normalised as for ImageNet, to (map (B, C, H / 14, W / 14), token (B, C)) float.

    H and W are multiples of 14; what is beyond is not seen. The map is that of the patches and
    the token that of the class, both after the last norm. Position embeddings, learned for
    pictures of `image_px`, are resampled for others by cubic interpolation as the authors
    published it: without registers PyTorch's plain one with 0.1 added to the wanted number of
    patches, with registers the antialiased one to the wanted number.

    Stages: the patches with their positions, then the blocks; the last norm goes with the last block.

    Args:
        embed_dim: C.
        depth, heads: of the blocks.
        registers: how many tokens belong to no patch; 0 or 4.
        image_px: side of the square for which the position embeddings are made.
    """

    stride = multiple_px = PATCH_PX
    has_token = True

    def __init__(self, embed_dim: int, depth: int, heads: int, *, registers: int = 0, image_px: int = 518) -> None:
        super().__init__()
        self.channels = embed_dim
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (image_px // PATCH_PX) ** 2, embed_dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, embed_dim)) if registers else None
        # Stood in for hidden patches while the network was pretrained. Published with the rest; in no stage.
        self.mask_token = nn.Parameter(torch.zeros(1, embed_dim), requires_grad=False)
        self.patch_embed = Patches(embed_dim)
        self.blocks = nn.ModuleList(Block(embed_dim, heads) for _ in range(depth))
        self.norm: nn.Module = nn.LayerNorm(embed_dim, eps=EPSILON)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        if self.register_tokens is not None:
            nn.init.normal_(self.register_tokens, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        return First(self), *self.blocks[:-1], Last(self.blocks[-1], self.norm)


def positions(learned: Tensor, height: int, width: int, *, antialias: bool) -> Tensor:
    """Position embeddings (side * side, C) resampled to (height * width, C), row by row.

    As torch.nn.functional.interpolate does it, but written as two products of matrices, so that
    it can be exported for any size.
    """
    side = round(len(learned) ** 0.5)
    if antialias:
        rows, columns = (antialiased(side, count, like=learned) for count in (height, width))
    else:
        # The authors left the embeddings as they are where they fit, so there the 0.1 must not be added. A tensor
        # says so: an exporter that leaves sizes open could not keep an `if`.
        fits = torch.stack([torch.scalar_tensor(count, device=learned.device) == side for count in (height, width)])
        rows, columns = (cubic(side, count, fits.all(), like=learned) for count in (height, width))
    grid = learned.reshape(side, side, -1).to(rows.dtype)
    return torch.einsum("hi,wj,ijc->hwc", rows, columns, grid).flatten(0, 1)


def cubic(size: int, count: int, fits: Tensor, *, like: Tensor) -> Tensor:
    """(count, size): the weights that F.interpolate(mode="bicubic", scale_factor=(count + 0.1) / size) gives.

    Where `fits`, a bool scalar, is true, they change nothing.
    """
    wanted, there = _ranges(size, count, like)
    source = torch.where(fits, wanted, (wanted + 0.5) * (size / (count + 0.1)) - 0.5)
    nearest = source.floor()
    taps = torch.stack([nearest + step for step in (-1, 0, 1, 2)], dim=1)
    weights = _kernel(source[:, None] - taps, a=-0.75)
    # What lies beyond the border is the border once more.
    hits = taps.clamp(0, size - 1)[:, :, None] == there
    return (weights[:, :, None] * hits).sum(dim=1)


def antialiased(size: int, count: int, *, like: Tensor) -> Tensor:
    """(count, size): the weights that F.interpolate(mode="bicubic", antialias=True, size=count) gives."""
    wanted, there = _ranges(size, count, like)
    step = size / count
    wide = torch.sym_max(step, 1.0)  # type: ignore[no-untyped-call]
    weights = _kernel(((wanted[:, None] + 0.5) * step - there - 0.5) / wide, a=-0.5)
    return weights / weights.sum(dim=1, keepdim=True)


def _ranges(size: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(like.dtype, torch.float32)
    return (
        torch.arange(count, device=like.device, dtype=dtype),
        torch.arange(size, device=like.device, dtype=dtype),
    )


def _kernel(distance: Tensor, *, a: float) -> Tensor:
    """Cubic convolution (Keys 1981, with his parameter `a`) at a distance in samples."""
    t = distance.abs()
    inside = ((a + 2) * t - (a + 3)) * t * t + 1
    outside = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return torch.where(t <= 1, inside, torch.where(t < 2, outside, torch.zeros_like(t)))
