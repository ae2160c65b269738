"""viewfix train: train a model on photos, by a recipe, and export it as a file for maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..optional import optional

if TYPE_CHECKING:
    from ..train.loop import Outcome
    from ..train.recipe import Recipe

CHECKED = 16
"""The number of training photos for checking the exported file. int8 is calibrated on eight times as many."""


@click.command()
@click.argument("recipe_path", metavar="[RECIPE.toml]", required=False, type=click.Path(path_type=Path))
@click.option("--photos", "sources", metavar="SOURCE", multiple=True, required=True,
              help="Photos to train on: a folder or a manifest. Can be repeated.")  # fmt: skip
@click.option("--run", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Folder of this run: checkpoints, the log, and finally the model.")  # fmt: skip
@click.option("--talk", is_flag=True, help="Use the talk's recipe: ResNet18, NetVLAD-32, hardest triplets.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one setting of the recipe.")
@click.option("--resume", is_flag=True, help="Continue a run that was stopped.")
@click.option("--int8", is_flag=True, help="Also export the model in 8 bits.")
def command(
    recipe_path: Path | None,
    sources: tuple[str, ...],
    run: Path,
    talk: bool,
    settings: tuple[str, ...],
    resume: bool,
    int8: bool,
) -> None:  # fmt: skip
    """Train a model on photos of places, and export the best epoch for maps.

    RECIPE.toml describes the model and its training. Settings that it leaves out have the defaults of
    docs/training.md, and --set overrides both. The photos of one area are held out for validation; the epoch that
    finds most of them is exported to FOLDER/model.onnx. --resume continues a run that was stopped, with the same
    result as an uninterrupted run. Needs viewfix[train].
    """
    optional("torch")
    from ..sources import open_sources
    from ..train.loop import train

    recipe = chosen(recipe_path, run, talk=talk, settings=settings, resume=resume)
    with console.progress() as report:
        outcome = train(recipe, open_sources(sources), run, resume=resume, report=report, say=click.echo)
    if not outcome.main:
        return
    for skipped in outcome.skipped[:10]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if len(outcome.skipped) > 10:
        click.echo(f"  and {len(outcome.skipped) - 10} more", err=True)
    exported(outcome, int8=int8)


def chosen(recipe_path: Path | None, run: Path, *, talk: bool, settings: tuple[str, ...], resume: bool) -> Recipe:
    """The recipe: the defaults or the talk's, then the file, then --set. A resumed run keeps its own recipe."""
    from ..train.checkpoint import LAST, Checkpoint
    from ..train.recipe import Recipe

    if resume and not talk and recipe_path is None and (run / LAST).exists():
        return Checkpoint.read(run / LAST).recipe.with_settings(settings)
    recipe = Recipe.talk() if talk else Recipe()
    if recipe_path is not None:
        recipe = recipe.with_toml(recipe_path)
    return recipe.with_settings(settings)


def exported(outcome: Outcome, *, int8: bool) -> None:
    """Export the best epoch as FOLDER/model.onnx and, if wanted, as model-int8.onnx."""
    from ..photos import load
    from ..train.ship import export_checkpoint

    count = CHECKED * (8 if int8 else 1)
    if not outcome.training:
        raise BadInput("There are no training photos for checking the export. Pass some with --photos.")
    few = outcome.training[:: max(1, len(outcome.training) // count)][:count]
    pictures = [load(photo.source) for photo in few]
    model = outcome.run / "model.onnx"
    click.echo(f"best epoch: {outcome.best_epoch}")
    click.echo(str(export_checkpoint(outcome.run, model, int8=False, pictures=pictures[:CHECKED])))
    if int8:
        click.echo(str(export_checkpoint(outcome.run, outcome.run / "model-int8.onnx", int8=True, pictures=pictures)))
    click.echo(f"Use it: viewfix build my.map PHOTOS --model {model}")
