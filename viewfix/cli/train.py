"""viewfix train: train a model on photos of places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..optional import optional

if TYPE_CHECKING:
    from ..train.outcome import Outcome
    from ..train.recipe import Recipe

CHECKED = 16
"""Training photos that the exported file is checked on; int8 is calibrated on eight times as many."""


@click.command()
@click.argument("recipe_path", metavar="[RECIPE.toml]", required=False, type=click.Path(path_type=Path))
@click.option("--photos", "sources", metavar="SOURCE", multiple=True, required=True,
              help="Photos to train on: a folder or a manifest. Repeat for several.")  # fmt: skip
@click.option("--run", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Folder for checkpoints, log and the trained model.")  # fmt: skip
@click.option("--recipe", "name", metavar="NAME",
              help="A built-in recipe: plain, default (the model that ships), talk (the original talk).")  # fmt: skip
@click.option("--talk", "name", flag_value="talk", help="The same as --recipe talk.")
@click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one value of the recipe. Repeatable."
)
@click.option("--resume", is_flag=True, help="Continue a training that was stopped.")
@click.option("--int8", is_flag=True, help="Also export the model in 8 bits.")
def command(
    recipe_path: Path | None,
    sources: tuple[str, ...],
    run: Path,
    name: str | None,
    settings: tuple[str, ...],
    resume: bool,
    int8: bool,
) -> None:  # fmt: skip
    """Train a model on photos of places, and export it for maps.

    RECIPE.toml sets what differs from the recipe that --recipe names (default: plain); --set overrides both.
    See docs/training.md. A separate area of the photos is used for validation: the model that finds most
    of those photos is exported to FOLDER/model.onnx. Continue a stopped training with --resume; the result
    is the same as without the interruption. Needs viewfix[train].
    """
    optional("torch")
    from ..sources import open_sources
    from ..train.loop import train

    recipe = chosen(recipe_path, run, name=name, settings=settings, resume=resume)
    with console.progress() as report:
        outcome = train(recipe, open_sources(sources), run, resume=resume, report=report, notify=click.echo)
    if not outcome.main:
        return
    for skipped in outcome.skipped[:10]:
        click.echo(f"  skipped {skipped.id}: {skipped.reason}", err=True)
    if len(outcome.skipped) > 10:
        click.echo(f"  and {len(outcome.skipped) - 10} more", err=True)
    exported(outcome, int8=int8)


def chosen(recipe_path: Path | None, run: Path, *, name: str | None, settings: tuple[str, ...], resume: bool) -> Recipe:
    """The built-in recipe, then the file, then --set; on --resume with neither recipe, that of the run."""
    from ..train.checkpoint import LAST, Checkpoint
    from ..train.recipes import built_in

    if resume and name is None and recipe_path is None and (run / LAST).exists():
        return Checkpoint.read(run / LAST).recipe.with_settings(settings)
    recipe = built_in(name or "plain")
    if recipe_path is not None:
        recipe = recipe.with_toml(recipe_path)
    return recipe.with_settings(settings)


def exported(outcome: Outcome, *, int8: bool) -> None:
    """Export the best network as FOLDER/model.onnx, and as model-int8.onnx on request."""
    from ..photos import load
    from ..train.deploy import export_checkpoint

    if outcome.models:
        for file in outcome.models:
            click.echo(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
        click.echo(f"Use it: viewfix build my.map PHOTOS --model {outcome.models[0]}")
        return
    count = CHECKED * (8 if int8 else 1)
    if not outcome.training:
        raise BadInput("There are no training photos to check the export on. Pass some with --photos.")
    few = outcome.training[:: max(1, len(outcome.training) // count)][:count]
    pictures = [load(photo.source) for photo in few]
    model = outcome.run / "model.onnx"
    click.echo(f"best epoch: {outcome.best_epoch}")
    click.echo(str(export_checkpoint(outcome.run, model, int8=False, pictures=pictures[:CHECKED])))
    if int8:
        click.echo(str(export_checkpoint(outcome.run, outcome.run / "model-int8.onnx", int8=True, pictures=pictures)))
    click.echo(f"Use it: viewfix build my.map PHOTOS --model {model}")
