"""Photos and a recipe go in; a folder with checkpoints, a log and the best network comes out. Reads top to bottom."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput
from ..optional import optional
from ..types import Photo, Skipped, silent
from ..types import Progress as Report
from . import losses
from .checkpoint import BEST, LAST, Checkpoint, Progress, restore_rng, rng_state
from .lab import RunContext, Say, Setup, moved, set_up
from .log import Log
from .pictures import Shot, read_ahead
from .recipe import Recipe

Batch = tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: its folder, one row of figures an epoch, the best epoch, photos used and left out.

    Of several processes one is `main`: it alone writes files and speaks.
    """

    run: Path
    history: tuple[dict[str, float], ...]
    best_epoch: int | None
    training: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]
    main: bool

    @property
    def best(self) -> Path:
        return self.run / BEST


def train(
    recipe: Recipe,
    photos: Iterable[Photo | Skipped],
    run: Path,
    *,
    resume: bool = False,
    report: Report = silent,
    say: Say = lambda line: None,
) -> Outcome:
    """Train the network of a recipe on photos of places, or go on with a training that was stopped.

    Args:
        photos: with positions, and headings where they are known.
        run: folder of this training; made if need be.
        resume: go on from the last checkpoint; the outcome is that of a training never stopped.
        report, say: get progress, and a line of news now and then.

    Raises:
        BadInput: no two photos of one place, fewer photos than a batch takes, weights that do not fit, a
            checkpoint of another recipe, a run that is there already, or a loss that is no number any more.
        StorageFailed: the disk is full.
    """
    accelerator = _accelerator(recipe, say)
    bench = RunContext(run, accelerator.device, report, say)
    if not accelerator.is_main_process:
        bench = RunContext(run, accelerator.device, silent, lambda line: None)
    last = _last(run, recipe, resume=resume)
    _seed(recipe.seed + accelerator.process_index)
    with accelerator.main_process_first():  # which leaves a cache of features that the others find done
        lab = set_up(recipe, photos, bench, last)
    model, optimiser = accelerator.prepare(lab.trained, _optimiser(lab))
    now = Progress()
    if last is not None:
        now = last.progress
        optimiser.load_state_dict(last.optimiser)
        restore_rng(last.rng)
    with Log(run / "tensorboard", now.step, enabled=accelerator.is_main_process) as log:
        training = _Training(lab, bench, accelerator, model, optimiser, now, log)
        if not now.history:
            training.examine()
            training.save()
        while not now.finished:
            training.epoch()
            training.examine()
            training.save()
    return Outcome(
        run, tuple(now.history), now.best_epoch, lab.training.photos, lab.skipped, accelerator.is_main_process
    )


class _Training:
    """The moving parts of one training: what an epoch, an examination and a checkpoint work on."""

    def __init__(
        self, lab: Setup, bench: RunContext, accelerator: Any, model: nn.Module, optimiser: Any, now: Progress, log: Log
    ) -> None:  # fmt: skip
        self.lab, self.bench, self.now, self.log = lab, bench, now, log
        self.accelerator, self.model, self.optimiser = accelerator, model, optimiser
        self.recipe = lab.recipe
        self.loss = losses.make(self.recipe.loss, margin=self.recipe.margin, **self.recipe.loss_options)
        self.steps = self.recipe.epochs * len(self.batches(0))

    def batches(self, epoch: int) -> list[Batch]:
        """This process's share of an epoch's batches; all have the same number."""
        every = self.lab.batches(epoch)
        processes, mine = self.accelerator.num_processes, self.accelerator.process_index
        return every[mine::processes][: max(1, len(every) // processes)]

    def epoch(self) -> None:
        """The batches of an epoch that are still to do: loss, step, and a checkpoint now and then.

        Raises:
            BadInput: the loss or its gradient is no number any more. That step was not taken.
        """
        now, recipe = self.now, self.recipe
        batches = self.batches(now.epoch)
        self.model.train()
        for shots, x, labels in _loaded(self.lab, batches[now.batch :], now, self.bench.device):
            rate = schedule(now.step, self.steps, recipe)
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * rate
            with self.accelerator.autocast():
                descriptors = self.model(x)
            value = self.loss(descriptors.float(), labels)
            self.optimiser.zero_grad()
            self.accelerator.backward(value)
            norm = float(self.accelerator.clip_grad_norm_(self.lab.trained.parameters(), recipe.clip_norm))
            mean = float(self.accelerator.reduce(value.detach(), reduction="mean"))
            if not (math.isfinite(mean) and math.isfinite(norm)):
                raise self._diverged(mean, shots)
            self.optimiser.step()
            now.step, now.batch, now.loss_sum = now.step + 1, now.batch + 1, now.loss_sum + mean
            self.log.write(now.step, {"loss": mean, "rate": rate, "gradient": norm})
            self.bench.report(f"epoch {now.epoch + 1} of {recipe.epochs}", now.batch, len(batches))
            if now.step % recipe.steps_between_checkpoints == 0 and now.batch < len(batches):
                self.save()

    def examine(self) -> None:
        """Recall on the validation photos; the best network so far is kept, and a training that stands still ends."""
        now, lab = self.now, self.lab
        self.model.eval()

        def describe(shots: Sequence[Shot]) -> Tensor:
            vectors: Tensor = lab.trained(moved(lab.exams.batch(shots), self.bench.device))
            return vectors

        row: dict[str, float] = {"epoch": now.epoch}
        if now.batch:
            row["loss"] = now.loss_sum / now.batch
            now.epoch, row["epoch"] = now.epoch + 1, now.epoch + 1
            now.batch, now.loss_sum = 0, 0.0
        row |= lab.validation.recall(describe)
        (row,) = optional("accelerate.utils").broadcast_object_list([row])  # batch norms differ a little
        now.history.append(row)
        self.log.write(now.step, {name: value for name, value in row.items() if name != "epoch"}, under="epoch")
        self.bench.say(told(row))
        if now.best_score is None or row["score"] > now.best_score:
            now.best_score, now.best_epoch = row["score"], now.epoch
            self.save(BEST)
        waited = now.epoch - (now.best_epoch or 0)
        stuck = 0 < self.recipe.patience <= waited
        now.finished = stuck or now.epoch >= self.recipe.epochs
        if stuck and now.epoch < self.recipe.epochs:
            self.bench.say(f"stopped early: no better recall in {waited} epochs")

    def save(self, name: str = LAST) -> None:
        """A checkpoint, written by one process; the best one without what only going on needs."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        network = {key: tensor.detach().cpu() for key, tensor in self.lab.describer.state_dict().items()}
        Checkpoint(
            recipe=self.recipe,
            photos=self.lab.photos,
            size_px=self.lab.size_px,
            network=network,
            optimiser=self.optimiser.state_dict() if name == LAST else {},
            progress=self.now,
            rng=rng_state() if name == LAST else {},
        ).write(self.bench.run / name)

    def _diverged(self, loss: float, shots: Sequence[Shot]) -> BadInput:
        now, photos = self.now, self.lab.training.photos
        names = [photos[row].id for row, _ in shots]
        listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        what = f"loss is {loss}" if not math.isfinite(loss) else f"loss is {loss:.4f}, but its gradient is not finite"
        return BadInput(
            f"The {what} in epoch {now.epoch + 1}, batch {now.batch + 1} (photos {listed}); the last good "
            f"checkpoint is kept: {self.bench.run / LAST}. Lower lr and head_lr, and start from it in another "
            f"folder: --set weights={self.bench.run / LAST} --run FOLDER."
        )


def schedule(step: int, steps: int, recipe: Recipe) -> float:
    """The share of the peak rate at a step, (0, 1]: up in a straight line, then down to 0 (cosine) or 0.2 (linear)."""
    warm = recipe.warmup_share * steps
    if step < warm:
        return (step + 1) / (warm + 1)
    way = min(1.0, (step - warm) / max(1.0, steps - warm))
    if recipe.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * way))
    return 1 - 0.8 * way if recipe.decay == "linear" else 1.0


def told(row: Mapping[str, float]) -> str:
    """One line about an epoch."""
    figures = [f"{name} {value:.4f}" for name, value in row.items() if name == "loss"]
    figures += [f"{name} {100 * value:.1f}%" for name, value in row.items() if "recall" in name]
    return f"epoch {row['epoch']:.0f}: {', '.join(figures)}"


def _accelerator(recipe: Recipe, say: Say) -> Any:
    """Device placement and several processes; half precision only where it is not a loss."""
    package = optional("accelerate")
    cuda = torch.cuda.is_available()
    if recipe.precision == "bf16" and not cuda:
        say("precision bf16 is left out: on a CPU it is 50 times slower than float32")
    half = recipe.precision == "bf16" and cuda
    unused = package.utils.DistributedDataParallelKwargs(find_unused_parameters=True)
    return package.Accelerator(mixed_precision="bf16" if half else "no", kwargs_handlers=[unused])


def _last(run: Path, recipe: Recipe, *, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from, or None for a training that begins."""
    path = run / LAST
    if not path.exists():
        if resume and not run.is_dir():
            raise BadInput(f"There is no run in {run} to go on with. Check --run, or leave out --resume to begin.")
        return None  # a kill before the first checkpoint: what features were computed are there
    if not resume:
        raise BadInput(f"{run} holds a training already. Go on with it: --resume; or name another folder: --run.")
    last = Checkpoint.read(path)
    last.same_recipe(recipe, path)
    return last


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  miners may draw from it


def _optimiser(lab: Setup) -> torch.optim.AdamW:
    """AdamW; the backbone at `lr`, the head at `head_lr`; biases, norms and scalars do not decay."""
    recipe, groups = lab.recipe, []
    for part, peak in ((lab.trained.tuned, recipe.lr), (lab.trained.head, recipe.head_lr)):
        learning = [tensor for tensor in part.parameters() if tensor.requires_grad]
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0)):
            chosen = [tensor for tensor in learning if (tensor.ndim > 1) == matrices]
            if chosen:
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def _loaded(
    lab: Setup, batches: Sequence[Batch], now: Progress, device: torch.device
) -> Iterator[tuple[list[Shot], Any, Tensor]]:
    """Shots, what the network takes for them, and labels, of every batch; the next is read while one is worked on."""
    epoch, first = now.epoch, now.batch

    def load(number: int) -> tuple[list[Shot], Any, Tensor]:
        rows, labels = batches[number]
        rng = np.random.default_rng((lab.recipe.seed, epoch, first + number))
        shots = lab.altered(rows, rng, epoch=epoch)
        return shots, lab.lessons.batch(shots), torch.from_numpy(labels)

    for _, (shots, x, labels) in read_ahead(range(len(batches)), load):
        yield shots, moved(x, device), labels.to(device)
