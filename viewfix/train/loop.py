"""The training loop: photos and a recipe to a folder with checkpoints, a log and the best network."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from ..optional import optional
from ..types import Photo, Skipped, silent
from ..types import Progress as Report
from . import losses
from .checkpoint import BEST, LAST, Checkpoint, Progress, restore_rng, rng_state
from .log import Log
from .outcome import Notify, Outcome
from .pictures import Sample, read_ahead
from .recipe import Recipe
from .refine import VOCABULARY
from .rings import train_on_rings
from .setup import RunContext, Setup, moved, set_up

Batch = tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]


def train(
    recipe: Recipe,
    photos: Iterable[Photo | Skipped],
    run: Path,
    *,
    resume: bool = False,
    report: Report = silent,
    notify: Notify = lambda line: None,
) -> Outcome:
    """Train the network of a recipe on photos of places, or continue a training that was stopped.

    Args:
        photos: with positions, and headings where they are known.
        run: folder of this training; created if it is missing.
        resume: continue from the last checkpoint; the result is the same as without the interruption.
        report, notify: called with progress, and with a line of news now and then.

    Raises:
        BadInput: no two photos of one place, fewer photos than a batch needs, weights that do not fit, a
            checkpoint of another recipe, a run that exists already, or a loss that is not finite.
        StorageFailed: the disk is full.
    """
    if recipe.views_per_spot:
        items = list(photos)
        outcome = train_on_rings(recipe, [item for item in items if isinstance(item, Photo)], run, notify=notify)
        return replace(outcome, skipped=tuple(item for item in items if isinstance(item, Skipped)))
    accelerator = _accelerator(recipe, notify)
    context = RunContext(run, accelerator.device, report, notify)
    if not accelerator.is_main_process:
        context = RunContext(run, accelerator.device, silent, lambda line: None)
    last = _last(run, recipe, resume=resume)
    _seed(recipe.seed + accelerator.process_index)
    with accelerator.main_process_first():  # which leaves a cache of features that the others find done
        setup = set_up(recipe, photos, context, last)
    model, optimiser = accelerator.prepare(setup.trained, _optimiser(setup))
    now = Progress()
    if last is not None:
        now = last.progress
        optimiser.load_state_dict(last.optimiser)
        restore_rng(last.rng)
    with Log(run / "tensorboard", now.step, enabled=accelerator.is_main_process) as log:
        training = _Training(setup, context, accelerator, (model, optimiser), now, log)
        if not now.history:
            training.validate()
            training.save()
        while not now.finished:
            training.epoch()
            training.validate()
            training.save()
    return Outcome(
        run, tuple(now.history), now.best_epoch, setup.training.photos, setup.skipped, accelerator.is_main_process
    )


class _Training:
    """The state of one training, shared by its epochs, validations and checkpoints."""

    def __init__(
        self,
        setup: Setup,
        context: RunContext,
        accelerator: Any,
        learning: tuple[nn.Module, torch.optim.Optimizer],
        now: Progress,
        log: Log,
    ) -> None:
        self.setup, self.context, self.now, self.log = setup, context, now, log
        self.accelerator = accelerator
        self.model, self.optimiser = learning
        self.recipe = setup.recipe
        self.loss = losses.make(self.recipe.loss, margin=self.recipe.margin, **self.recipe.loss_options)
        self.steps = self.recipe.epochs * len(self.batches(0))

    def batches(self, epoch: int) -> list[Batch]:
        """This process's share of an epoch's batches; all have the same number."""
        every = self.setup.batches(epoch)
        processes, mine = self.accelerator.num_processes, self.accelerator.process_index
        return every[mine::processes][: max(1, len(every) // processes)]

    def epoch(self) -> None:
        """Train on the remaining batches of an epoch, with a checkpoint now and then.

        Raises:
            BadInput: the loss or its gradient is not finite. That step was not taken.
        """
        now, recipe = self.now, self.recipe
        batches = self.batches(now.epoch)
        self.model.train()
        for samples, x, labels in _loaded(self.setup, batches[now.batch :], now, self.context.device):
            rate = schedule(now.step, self.steps, recipe)
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * rate
            with self.accelerator.autocast():
                descriptors = self.model(x)
            value = self._loss(descriptors.float(), labels)
            self.optimiser.zero_grad()
            self.accelerator.backward(value)
            norm = float(self.accelerator.clip_grad_norm_(self.setup.trained.parameters(), recipe.clip_norm))
            mean = float(self.accelerator.reduce(value.detach(), reduction="mean"))
            if not (math.isfinite(mean) and math.isfinite(norm)):
                raise self._diverged(mean, samples)
            self.optimiser.step()
            now.step, now.batch, now.loss_sum = now.step + 1, now.batch + 1, now.loss_sum + mean
            self.log.write(now.step, {"loss": mean, "rate": rate, "gradient": norm})
            self.context.report(f"epoch {now.epoch + 1} of {recipe.epochs}", now.batch, len(batches))
            if now.step % recipe.steps_between_checkpoints == 0 and now.batch < len(batches):
                self.save()

    def _loss(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        """The loss of the descriptors, or of the prefixes that the recipe names."""
        value = descriptors.new_zeros(())
        for length, share in self.recipe.prefix_shares():
            value = value + share * self.loss(F.normalize(descriptors[:, :length], dim=1), labels)
        return value if self.recipe.prefixes else self.loss(descriptors, labels)

    def validate(self) -> None:
        """Measure recall on the validation photos; keep the best network so far, and stop if recall no longer rises."""
        now, setup = self.now, self.setup
        self.model.eval()

        def describe(samples: Sequence[Sample]) -> Tensor:
            vectors: Tensor = setup.trained(moved(setup.validation_set.batch(samples), self.context.device))
            return vectors

        row: dict[str, float] = {"epoch": now.epoch}
        if now.batch:
            row["loss"] = now.loss_sum / now.batch
            now.epoch, row["epoch"] = now.epoch + 1, now.epoch + 1
            now.batch, now.loss_sum = 0, 0.0
        row |= setup.validation.recall(describe)
        (row,) = optional("accelerate.utils").broadcast_object_list([row])  # batch norms differ a little
        now.history.append(row)
        self.log.write(now.step, {name: value for name, value in row.items() if name != "epoch"}, under="epoch")
        self.context.notify(summary(row))
        if now.best_score is None or row["score"] > now.best_score:
            now.best_score, now.best_epoch = row["score"], now.epoch
            self.save(BEST)
        waited = now.epoch - (now.best_epoch or 0)
        stalled = 0 < self.recipe.patience <= waited
        now.finished = stalled or now.epoch >= self.recipe.epochs
        if stalled and now.epoch < self.recipe.epochs:
            self.context.notify(f"stopped early: no better recall for {waited} epochs")

    def save(self, name: str = LAST) -> None:
        """Write a checkpoint, in one process only; the best one without the state that only --resume needs."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        network = {key: tensor.detach().cpu() for key, tensor in self.setup.describer.state_dict().items()}
        Checkpoint(
            recipe=self.recipe,
            photos=self.setup.photos,
            size_px=self.setup.size_px,
            network=network,
            optimiser=self.optimiser.state_dict() if name == LAST else {},
            progress=self.now,
            rng=rng_state() if name == LAST else {},
        ).write(self.context.run / name)

    def _diverged(self, loss: float, samples: Sequence[Sample]) -> BadInput:
        now, photos = self.now, self.setup.training.photos
        names = [photos[row].id for row, _ in samples]
        listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        what = f"loss is {loss}" if not math.isfinite(loss) else f"loss is {loss:.4f}, but its gradient is not finite"
        return BadInput(
            f"The {what} in epoch {now.epoch + 1}, batch {now.batch + 1} (photos {listed}); the last good "
            f"checkpoint is {self.context.run / LAST}. Lower lr and head_lr, and start from it in another "
            f"folder: --set weights={self.context.run / LAST} --run FOLDER."
        )


def schedule(step: int, steps: int, recipe: Recipe) -> float:
    """The share of the peak rate at a step, (0, 1]: a linear warm-up, then down to 0 (cosine) or 0.2 (linear)."""
    warm = recipe.warmup_share * steps
    if step < warm:
        return (step + 1) / (warm + 1)
    progress = min(1.0, (step - warm) / max(1.0, steps - warm))
    if recipe.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1 - 0.8 * progress if recipe.decay == "linear" else 1.0


def summary(row: Mapping[str, float]) -> str:
    """One line about an epoch."""
    figures = [f"{name} {value:.4f}" for name, value in row.items() if name == "loss"]
    figures += [f"{name} {100 * value:.1f}%" for name, value in row.items() if "recall" in name]
    return f"epoch {row['epoch']:.0f}: {', '.join(figures)}"


def _accelerator(recipe: Recipe, notify: Notify) -> Any:
    """Device placement and several processes; half precision only where it is not a loss."""
    package = optional("accelerate")
    cuda = torch.cuda.is_available()
    if recipe.precision == "bf16" and not cuda:
        notify("precision bf16 is ignored: on a CPU it is 50 times slower than float32")
    half = recipe.precision == "bf16" and cuda
    unused = package.utils.DistributedDataParallelKwargs(find_unused_parameters=True)
    return package.Accelerator(mixed_precision="bf16" if half else "no", kwargs_handlers=[unused])


def _last(run: Path, recipe: Recipe, *, resume: bool) -> Checkpoint | None:
    """The checkpoint to continue from, or None for a new training."""
    path = run / LAST
    if not path.exists():
        if resume and not run.is_dir():
            raise BadInput(f"There is no run in {run} to resume. Check --run, or leave out --resume to start one.")
        return None  # killed before the first checkpoint; cached features are reused
    if not resume:
        raise BadInput(
            f"{run} already holds a training. Continue it with --resume, or choose another folder with --run."
        )
    last = Checkpoint.read(path)
    last.same_recipe(recipe, path)
    return last


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  miners may draw from it


def _optimiser(setup: Setup) -> torch.optim.AdamW:
    """AdamW: `lr` for the backbone, `head_lr` for the head; no decay for biases, norms, scalars and the vocabulary."""
    recipe, groups = setup.recipe, []
    vocabulary: list[Tensor] = []
    if recipe.vocabulary_lr is not None:
        aggregator = setup.describer.head.aggregator
        vocabulary = [tensor for name, tensor in aggregator.named_parameters() if name in VOCABULARY]
        peak = recipe.vocabulary_lr
        groups.append({"params": vocabulary, "lr": peak, "peak": peak, "weight_decay": 0.0})
    apart = {id(tensor) for tensor in vocabulary}
    for part, peak in ((setup.trained.tuned, recipe.lr), (setup.trained.head, recipe.head_lr)):
        learning = [p for p in part.parameters() if p.requires_grad and id(p) not in apart]
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0)):
            chosen = [tensor for tensor in learning if (tensor.ndim > 1) == matrices]
            if chosen:
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def _loaded(
    setup: Setup, batches: Sequence[Batch], now: Progress, device: torch.device
) -> Iterator[tuple[list[Sample], Any, Tensor]]:
    """Samples, network input and labels of every batch; the next batch is read while one is in use."""
    epoch, first = now.epoch, now.batch

    def load(number: int) -> tuple[list[Sample], Any, Tensor]:
        rows, labels = batches[number]
        rng = np.random.default_rng((setup.recipe.seed, epoch, first + number))
        samples = setup.altered(rows, rng, epoch=epoch)
        return samples, setup.train_set.batch(samples), torch.from_numpy(labels)

    for _, (samples, x, labels) in read_ahead(range(len(batches)), load):
        yield samples, moved(x, device), labels.to(device)
