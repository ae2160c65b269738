"""Train a head on views drawn from rings of four photos, over cached features of a frozen backbone.

This is what a recipe with `views_per_spot` does; the model that ships is made this way (`--recipe default`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import nn

from ..embed.describe import cores
from ..errors import BadInput
from ..types import Photo
from . import clusters, export, whiten
from .backbones import Backbone
from .checkpoint import BEST, Checkpoint, Progress
from .deploy import FLOAT_CONVOLUTIONS, normalised, preprocessing
from .features import identity
from .network import Describer, Head, aggregation, assemble
from .outcome import Notify, Outcome
from .pictures import rules
from .recipe import Recipe
from .refine import Batches, Maps, Schedule, refine, vectors
from .start import FEATURES_PER_PICTURE, SECOND_SHARE, load_weights
from .street import ALTERED, Likeness, Rendering, Street, unaltered

VIEW_PAIRS = 6000
WHITENED_PICTURES = 6000
"""Pictures whose directions the whitening keeps; more take minutes and change nothing."""
CALIBRATION_PICTURES = 128


def schedule(recipe: Recipe) -> Schedule:
    """How long and how fast the head is trained."""
    assert recipe.dim is not None
    return Schedule(
        steps=recipe.ring_steps,
        places=recipe.places_per_batch,
        photos_per_place=recipe.photos_per_place,
        warmup_steps=max(1, round(recipe.warmup_share * recipe.ring_steps)),
        feature_rate=recipe.head_lr,
        vocabulary_rate=recipe.head_lr if recipe.vocabulary_lr is None else recipe.vocabulary_lr,
        weight_decay=recipe.weight_decay,
        other_spot_share=recipe.other_spot_share,
        far_m=recipe.negative_m,
        prefixes=recipe.prefix_shares() or ((recipe.dim, 1.0),),
    )


def likeness(recipe: Recipe) -> Likeness:
    """Which pictures show the same place during training."""
    return Likeness(recipe.positive_m, recipe.aside_m, recipe.heading_tolerance_deg)


def train_on_rings(recipe: Recipe, photos: Sequence[Photo], run: Path, *, notify: Notify) -> Outcome:
    """Train the head of a recipe, and write `model.onnx`, `model-float32.onnx` and the best checkpoint to `run`.

    Raises:
        BadInput: a spot lacks one of its four photos, or the backbone has a token or one mean for each channel.
    """
    if (run / BEST).exists():
        raise BadInput(f"{run} holds a finished training. Choose another folder with --run.")
    describer = assemble(recipe)
    load_weights(describer, recipe)
    backbone = describer.backbone.eval()
    if backbone.has_token or preprocessing(rules(recipe, backbone), backbone).layout != "NHWC uint8":
        raise BadInput(
            f"views_per_spot cannot be used with {recipe.backbone}. Use an EfficientNet-Lite, or set views_per_spot=0."
        )
    street = Street.of(photos)
    exact = export.backbone_to_onnx(backbone)
    # The head is trained on what the int8 backbone computes, so that it learns to disregard the rounding.
    used = int8(exact, street, recipe, backbone) if recipe.int8_backbone else exact
    head = fit(used, street, recipe, backbone, notify=notify)
    models = [run / "model.onnx"]
    run.mkdir(parents=True, exist_ok=True)
    save(used, head, street, recipe, backbone, models[0])
    if recipe.int8_backbone:
        models.append(run / "model-float32.onnx")
        save(exact, head, street, recipe, backbone, models[1])
    Checkpoint(
        recipe=recipe,
        photos=identity(photos),
        size_px=(recipe.image_px, recipe.image_px),
        network=Describer(backbone, head).state_dict(),
        optimiser={},
        progress=Progress(step=recipe.ring_steps, finished=True),
    ).write(run / BEST)
    return Outcome(run, (), None, tuple(photos), (), True, tuple(models))


def int8(backbone: onnx.ModelProto, street: Street, recipe: Recipe, network: Backbone) -> onnx.ModelProto:
    """The backbone with 8-bit weights and activations, calibrated on photos of the street."""
    taken = street.photos(unaltered, seed=recipe.seed)
    every = max(1, len(taken) // CALIBRATION_PICTURES)
    pictures = (tensor(street, rendering, recipe, network) for rendering in taken[::every])
    return export.quantised(backbone, pictures, float_convolutions=FLOAT_CONVOLUTIONS)


def tensor(street: Street, rendering: Rendering, recipe: Recipe, backbone: Backbone) -> npt.NDArray[np.float32]:
    """(1, 3, H, W) float32, normalised."""
    return normalised(np.asarray(street.picture(rendering)), rules(recipe, backbone), backbone)


def feature_maps(
    graph: onnx.ModelProto,
    street: Street,
    renderings: Sequence[Rendering],
    recipe: Recipe,
    backbone: Backbone,
    *,
    notify: Notify,
) -> Maps:
    """(N, C, H, W) float16 of every picture; on a CPU, ONNX Runtime is several times as fast as PyTorch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one picture on each core: the sums, and so the file, do not depend on the cores
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def one(rendering: Rendering) -> npt.NDArray[np.float16]:
        features = session.run(None, {export.NORMALISED: tensor(street, rendering, recipe, backbone)})[0][0]
        return np.asarray(features, np.float16)

    first = one(renderings[0])
    maps = np.empty((len(renderings), *first.shape), np.float16)
    with ThreadPoolExecutor(cores()) as pool:
        for row, features in enumerate(pool.map(one, renderings)):
            maps[row] = features
            if (row + 1) % 2500 == 0:
                notify(f"features of {row + 1} of {len(renderings)} pictures")
    return maps


class RingPictures:
    """The training pictures of a street, and a head that is fitted to their cached features step by step."""

    def __init__(self, street: Street, recipe: Recipe, backbone: Backbone) -> None:
        self.street, self.recipe, self.backbone = street, recipe, backbone
        taken = street.photos(unaltered, seed=recipe.seed)
        self.taken = len(taken)
        altered = [street.photos(version, seed=recipe.seed + 1 + i) for i, version in enumerate(ALTERED)]
        views = street.views(recipe.views_per_spot, seed=recipe.seed + 100)
        self.renderings = [*taken, *(each for version in altered for each in version), *views]
        # The head is trained on the photos as taken and on the views.
        self.learned = np.r_[: self.taken, len(self.renderings) - len(views) : len(self.renderings)]
        spots = np.array([each.spot for each in self.renderings])
        self.spots, self.spots_m = spots, street.plane_m()[spots]
        self.headings_deg = np.array([each.heading_deg for each in self.renderings])

    def vocabulary(self, maps: Maps) -> Any:
        """The untrained aggregation, with centres from the photos as taken."""
        recipe, channels = self.recipe, maps.shape[1]
        flat = (picture.reshape(channels, -1).T for picture in maps[: self.taken])
        features = clusters.sample(flat, per_picture=FEATURES_PER_PICTURE, seed=recipe.seed)
        torch.manual_seed(recipe.seed)
        aggregator: Any = aggregation(recipe, channels, self.backbone.stride)
        if not hasattr(aggregator, "set_vocabulary"):
            raise BadInput(f"views_per_spot needs an aggregation with a vocabulary, and {recipe.aggregator} has none.")
        centres = clusters.vocabulary(features, len(aggregator.centres), seed=recipe.seed)
        alpha = clusters.sharpness(features, centres, share=SECOND_SHARE)
        aggregator.set_vocabulary(torch.from_numpy(centres), alpha=alpha)
        return aggregator

    def pairs(self) -> npt.NDArray[np.int64]:
        """(M, 2) pictures of one place: photos and their altered versions, neighbours, views that overlap."""
        same = [np.stack([np.arange(self.taken), np.arange(self.taken) + self.taken * i]) for i in (1, 2, 3)]
        near_m = self.recipe.pair_m
        near = self.street.neighbours(near_m)
        rng = np.random.default_rng(self.recipe.seed)
        alike = Likeness(near_m, near_m, self.recipe.heading_tolerance_deg)
        at, headings = self.spots_m[self.learned], self.headings_deg[self.learned]
        views = []
        for i in rng.permutation(len(self.learned))[:VIEW_PAIRS]:
            found = alike(at, headings, int(i))
            if len(found):
                views.append((self.learned[i], self.learned[found[rng.integers(len(found))]]))
        return np.concatenate([np.concatenate(same, axis=1).T, near, np.array(views, np.int64).reshape(-1, 2)])

    def whitening(self, head: Head, maps: Maps) -> nn.Linear:
        """The whitening learned from the pairs, within the directions in which photos and views differ."""
        recipe, pairs = self.recipe, self.pairs()
        assert recipe.dim is not None
        every = max(1, round(len(self.learned) / WHITENED_PICTURES))
        x = vectors(head, maps, self.learned[::every])
        a, b = (vectors(head, maps, pairs[:, side]) for side in (0, 1))
        return whiten.learned(
            x,
            (a, b),
            recipe.dim,
            keep=recipe.whitening_directions or len(x),
            shrinkage=recipe.whitening_shrinkage,
            power=recipe.whitening_power,
        )

    def batches(self) -> Batches:
        """Batches of the photos as taken and of the views; rows count those of `learned`."""
        rows, recipe = self.learned, self.recipe
        return Batches(
            self.spots[rows],
            self.spots_m[rows],
            self.headings_deg[rows],
            likeness(recipe),
            schedule(recipe),
            seed=recipe.seed,
        )


def fit(graph: onnx.ModelProto, street: Street, recipe: Recipe, backbone: Backbone, *, notify: Notify) -> Head:
    """Vocabulary, whitening, training with the whitening fixed, and the whitening once more."""
    pictures = RingPictures(street, recipe, backbone)
    maps = feature_maps(graph, street, pictures.renderings, recipe, backbone, notify=notify)
    started = time.monotonic()
    aggregator = pictures.vocabulary(maps)
    head = Head(aggregator, nn.Identity())
    notify(f"vocabulary of {len(aggregator.centres)} words, {len(pictures.pairs())} pairs for the whitening")
    head.whitening = pictures.whitening(head, maps)
    if recipe.ring_steps:
        refine(head, maps[pictures.learned], pictures.batches(), schedule(recipe), notify=notify)
        head.whitening = pictures.whitening(head, maps)
    notify(f"the head took {time.monotonic() - started:.0f} s")
    return head.eval()


def save(
    graph: onnx.ModelProto, head: Head, street: Street, recipe: Recipe, backbone: Backbone, path: Path
) -> None:  # fmt: skip
    """Write a backbone, float or int8, and the head as one file that takes pixels."""
    about = {
        "name": recipe.name or path.stem,
        "dim": recipe.dim,
        "licence": recipe.licence,
        "sources": list(recipe.sources),
        "recipe": recipe.as_dict(),
        "training_places": [
            [round(float(lat), 5), round(float(lon), 5)] for lat, lon in zip(street.lat, street.lon, strict=True)
        ],
    }
    whole = export.joined(graph, export.head_to_onnx(head, channels=backbone.channels))
    whole = export.with_pixels(whole, mean=int(backbone.mean[0]), std=backbone.std[0])
    export.save(whole, path, about=about, preprocessing=asdict(preprocessing(rules(recipe, backbone), backbone)))
