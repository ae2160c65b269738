"""Adapt a model to a map: a linear layer after the model, fitted to the photos of the map, kept if it finds more.

The layer is a learned whitening (Mikolajczyk and Matas 2007; Radenović et al. 2018) of the descriptors,
which is then trained further with a metric loss. It follows the last layer, so any model can be adapted.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from .. import photos as files
from ..embed.describe import cores
from ..errors import BadInput, UnreadablePhoto
from ..map import Map
from ..models.model import Model
from ..models.onnx import OnnxModel
from ..store.store import ModelIdentity, Place
from ..types import Photo, Progress, silent
from . import export, losses, whiten
from .augment import KINDS, augmented, relit
from .places import Places

Units = npt.NDArray[np.float32]

LEAST_PHOTOS = 200
MOST_FITTED, MOST_ASKED, MOST_KNOWN = 4000, 1000, 20_000
"""Photos used of a large map: for training, as queries (twice), and as the map that is searched."""
ALTERED = 3
"""Altered versions of each photo: one in night light, two with all augmentations."""
LEAST_ASKED = 30
SHRINKAGES = (0.2, 0.5, 0.8)
STEPS, PLACES_A_STEP, RATE = 200, 40, 3e-4
HELD_OUT = 0.3
SIDE_PX = 640  # pictures are altered at about this size, which is more than any model uses


@dataclass(frozen=True, slots=True)
class Adapted:
    """The result: Recall@1 in [0, 1] of held-out photos before and after, and the layer, None if it is not kept.

    `won` and `lost` count the queries, out of `asked`, that are found only after and only before.
    `as_taken` is Recall@1 of the unchanged photos before and after.
    """

    before: float
    after: float
    as_taken: tuple[float, float]
    asked: int
    won: int
    lost: int
    layer: nn.Linear | None

    @property
    def kept(self) -> bool:
        return self.layer is not None

    def __str__(self) -> str:
        change = (
            f"held-out recall@1 {100 * self.before:.1f} -> {100 * self.after:.1f} % ({self.asked} queries, "
            f"{self.won} won, {self.lost} lost), of photos as taken {100 * self.as_taken[0]:.1f} -> "
            f"{100 * self.as_taken[1]:.1f} %"
        )
        return f"kept: {change}" if self.kept else f"not kept: {change}; the map stays as it is"


@dataclass(frozen=True)
class _QuerySet:
    """Queries of an area that is not used for training, in all versions, and the photos they should find."""

    queries: Units
    known: Units
    marks: npt.NDArray[np.int8]
    """(Q, M): 1 for the right photos, -1 for the query itself."""

    def hits(self, layer: nn.Linear | None) -> npt.NDArray[np.bool_]:
        """(Q,) bool: whether the best match of a query shows its place."""
        with torch.inference_mode():
            asked, known = (_through(layer, torch.from_numpy(x)).numpy() for x in (self.queries, self.known))
        similarity = asked @ known.T
        similarity[self.marks < 0] = -2
        first = similarity.argmax(axis=1)
        return np.asarray(self.marks[np.arange(len(first)), first] == 1)


def adapt(
    place: Place,
    model: Model | str | Path | None = None,
    *,
    positive_m: float = 10.0,
    heading_tolerance_deg: float = 30.0,
    seed: int = 0,
    progress: Progress = silent,
) -> Adapted:
    """Fit a layer to the photos of a map, and test it on an area of the map that it was not fitted to.

    A third of the area is for the test, a third of the rest for selection, the remainder for training.
    The layer is kept if the queries it wins exceed those it loses by more than the square root of their sum, and if
    the unchanged photos are found at least as often as before.

    Args:
        place: the map, by its path or URL.
        model: the file of the map's model, if it is a custom one.
        positive_m: photos closer than this, looking the same way, show one place, metres.
        heading_tolerance_deg: [0, 180]; 180 for photos without headings.
        seed: of all random choices.
        progress: called with the current stage, the number done, and the total.

    Raises:
        BadInput: too few photos, or too few of one place.
    """
    rng = np.random.default_rng(seed)
    with Map.open(place, model=model) as city:
        if len(city) < LEAST_PHOTOS:
            raise BadInput(f"{city.address} has {len(city)} photos; at least {LEAST_PHOTOS} are needed. Add more.")
        if (pending := city.store.pending_migration()) is not None:  # fail now rather than after minutes of training
            name = city.store.model_file(pending) or pending.name
            raise BadInput(
                f"A migration of {city.address} to {pending.name} is not finished. Finish it first: "
                f"viewfix migrate {city.address.typed} "
                f"--model {name}; or discard it with --restart."
            )
        taken = list(city.photos())
        described = np.concatenate([halves.astype(np.float32) for _, halves in city.store.iter_descriptors()])
        used = city.model
    if len(described) != len(taken):
        raise BadInput(f"{city.address} was changed while it was read. Run this again while no photos are being added.")
    limits = {"positive_m": positive_m, "heading_tolerance_deg": heading_tolerance_deg}
    whole = Places.of(taken, **limits)
    rest, judging = whole.split(HELD_OUT, whole.negative_m, seed)
    fitting, choosing = rest.split(HELD_OUT, rest.negative_m, seed + 1)
    work = _Work(whole, F.normalize(torch.from_numpy(described), dim=1).numpy(), used, progress)
    chooser = work.query_set(choosing, rng, "describing to select")
    judge = work.query_set(judging, rng, "describing to test")
    candidates = work.candidates(fitting, rng)
    best = max(candidates, key=lambda layer: int(chooser.hits(layer).sum()))
    before, after = judge.hits(None), judge.hits(best)
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    plain = len(before) // (1 + ALTERED)  # unchanged photos come first; they must not get worse
    as_taken = float(before[:plain].mean()), float(after[:plain].mean())
    kept = won - lost > np.sqrt(won + lost) and as_taken[1] >= as_taken[0]
    layer = best if kept else None
    return Adapted(float(before.mean()), float(after.mean()), as_taken, len(before), won, lost, layer)


class _Work:
    """The photos of a map, their stored descriptors, and the model for their altered versions."""

    def __init__(self, whole: Places, described: Units, model: Model, progress: Progress) -> None:
        self.whole, self.described, self.model, self.progress = whole, described, model, progress
        self.row_of = {photo.id: row for row, photo in enumerate(whole.photos)}

    def rows(self, places: Places) -> npt.NDArray[np.int64]:
        return np.array([self.row_of[photo.id] for photo in places.photos], np.int64)

    def query_set(self, places: Places, rng: np.random.Generator, doing: str) -> _QuerySet:
        rows = [row for row in self.rows(places) if len(self.whole.positives(int(row)))]
        drawn = rng.permutation(np.array(rows, np.int64))[:MOST_ASKED]
        asked, versions = self.altered(drawn, doing)
        if len(asked) < LEAST_ASKED:
            raise BadInput(
                f"Only {len(asked)} held-out photos of the map can be used as queries: they need another photo of "
                f"their place within {self.whole.positive_m:g} m. Raise --positive-m, or add photos."
            )
        right = [self.whole.positives(int(row)) for row in asked]
        others = rng.permutation(len(self.described))[:MOST_KNOWN]
        known = np.unique(np.concatenate([others, *right]))
        marks = np.zeros((len(asked), len(known)), np.int8)
        for line, (row, positives) in enumerate(zip(asked, right, strict=True)):
            marks[line, np.searchsorted(known, positives)] = 1
            marks[line, known == row] = -1  # the query itself
        queries = np.concatenate([self.described[asked], *versions.transpose(1, 0, 2)])
        return _QuerySet(queries, self.described[known], np.tile(marks, (1 + ALTERED, 1)))

    def altered(self, rows: npt.NDArray[np.int64], doing: str) -> tuple[npt.NDArray[np.int64], Units]:
        """The rows whose files can be read, (N,), and (N, ALTERED, dim) descriptors of their altered versions."""
        found: list[int] = []
        vectors: list[Units] = []
        with ThreadPoolExecutor(cores(), thread_name_prefix="adapt") as pool:
            outcomes = pool.map(self._versions, [self.whole.photos[row] for row in rows], rows)
            for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True), start=1):
                if outcome is not None:
                    found.append(int(row))
                    vectors.append(outcome)
                self.progress(doing, number, len(rows))
        stacked = np.stack(vectors) if vectors else np.empty((0, ALTERED, self.model.dim), np.float32)
        return np.array(found, np.int64), stacked

    def _versions(self, photo: Photo, row: int) -> Units | None:
        try:
            picture = Image.fromarray(files.load(photo.source, least_side_px=SIDE_PX))
        except UnreadablePhoto:
            return None  # `viewfix migrate` reports it
        picture.thumbnail((SIDE_PX, SIDE_PX))
        draws = [np.random.default_rng((int(row), version)) for version in range(ALTERED)]
        versions = [relit(picture, draws[0], grey=False)]
        versions += [augmented(picture, draw, 1.0, KINDS) for draw in draws[1:]]
        return self.model.embed([np.asarray(version) for version in versions])

    def candidates(self, places: Places, rng: np.random.Generator) -> list[nn.Linear]:
        """Whitenings with several shrinkages, and each after training with a metric loss."""
        drawn = rng.permutation(self.rows(places))[:MOST_FITTED]
        rows, versions = self.altered(drawn, "describing to train")
        if len(rows) < 2:
            raise BadInput(
                "The files of the map's photos cannot be read, so there is nothing to train on. Restore them."
            )
        own = self.described[rows]
        everything = torch.from_numpy(np.concatenate([own, versions.reshape(-1, own.shape[1])]))
        first = [np.repeat(own, ALTERED, axis=0)]
        second = [versions.reshape(-1, own.shape[1])]
        inside = set(self.rows(places).tolist())
        for row, vector in zip(rows, own, strict=True):
            near = [other for other in self.whole.positives(int(row)) if int(other) in inside]
            first.append(np.repeat(vector[None], len(near), axis=0))
            second.append(self.described[near])
        pairs = torch.from_numpy(np.concatenate(first)), torch.from_numpy(np.concatenate(second))
        dim = own.shape[1]
        learned = [
            whiten.learned(everything, pairs, dim, keep=dim, shrinkage=share, power=0.3).requires_grad_(False)
            for share in SHRINKAGES
        ]
        versions_of = torch.from_numpy(np.concatenate([own[:, None], versions], axis=1))
        return [*learned, *(self._stepped(layer, rows, versions_of, rng) for layer in learned)]

    def _stepped(
        self, start: nn.Linear, rows: npt.NDArray[np.int64], versions_of: torch.Tensor, rng: np.random.Generator
    ) -> nn.Linear:
        """The layer after training with multi-similarity loss on distant photos, each in all versions."""
        layer = nn.Linear(start.in_features, start.out_features)
        layer.load_state_dict(start.state_dict())
        scale = float(start.weight.norm()) / start.weight.numel() ** 0.5
        optimiser = torch.optim.Adam(layer.parameters(), lr=RATE * 30 * scale)
        objective = losses.make("multi-similarity")
        place_of = {int(row): at for at, row in enumerate(rows)}
        for _ in range(STEPS):
            chosen: list[int] = []
            blocked: set[int] = set()
            for row in rng.permutation(rows):
                if int(row) not in blocked:
                    chosen.append(place_of[int(row)])
                    blocked |= self.whole.near(int(row))
                if len(chosen) == PLACES_A_STEP:
                    break
            batch = versions_of[chosen]
            labels = torch.arange(len(chosen)).repeat_interleave(batch.shape[1])
            loss = objective(_through(layer, batch.flatten(0, 1)), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return layer.requires_grad_(False)


def store_model(place: Place, model: Model | str | Path | None, outcome: Adapted) -> tuple[ModelIdentity, Path]:
    """Store the adapted model with the map.

    Returns:
        The map's present model, and the file of the new one.

    Raises:
        BadInput: the map's model is not an .onnx file.
    """
    assert outcome.layer is not None, "only what is kept is written"
    with Map.open(place, model=model) as city, TemporaryDirectory(prefix="viewfix-") as folder:
        used = city.model
        if not isinstance(used, OnnxModel):
            raise BadInput(
                f"{used.name} is not an .onnx file, so no layer can be added to it. Use a map whose model is one."
            )
        adapted = write(used, outcome.layer, Path(folder) / "adapted.onnx")
        identity = ModelIdentity(adapted.name, adapted.fingerprint, adapted.dim)
        return city.store.model, city.store.keep_model_file(identity, adapted.path)


def write(model: OnnxModel, layer: nn.Linear, path: Path) -> OnnxModel:
    """Write the model with the layer after it as a self-describing file."""
    about = {key: value for key, value in model.about.items() if key not in ("format", "preprocessing")}
    about |= {"dim": layer.out_features, "sources": [*about.get("sources", []), "adapted to a map by viewfix adapt"]}
    about["name"] = f"{model.name}, adapted" if not model.name.endswith(", adapted") else model.name
    whole = export.with_layer(model.path, layer.weight.detach().numpy(), layer.bias.detach().numpy())
    export.save(whole, path, about=about, preprocessing=model.about["preprocessing"])
    return OnnxModel(path, threads=1)


def _through(layer: nn.Linear | None, x: torch.Tensor) -> torch.Tensor:
    return x if layer is None else F.normalize(layer(x), dim=1)
