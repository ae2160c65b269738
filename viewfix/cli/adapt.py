"""viewfix adapt: the model of a map is fitted to the photos of the map, and kept if it finds more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import console
from ..errors import BadInput
from ..optional import optional
from ..store.address import Address
from .options import map_argument, model_option

if TYPE_CHECKING:
    from ..train.adapt import Adapted


@click.command()
@map_argument
@model_option
@click.option("--positive-m", default=10.0, show_default=True, type=click.FloatRange(0.1, 1000),
              help="Photos nearer than this, looking the same way, show one place.")  # fmt: skip
@click.option("--heading-tolerance-deg", default=30.0, show_default=True, type=click.FloatRange(0, 180),
              help="How far apart two photos of one place may look; 180 for photos without headings.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn.")
@click.option("--dry-run", is_flag=True, help="Notify what it would bring, and change nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(
    place: Address,
    model: str | None,
    positive_m: float,
    heading_tolerance_deg: float,
    seed: int,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Fit the model of MAP to the photos of MAP; keep it if held-out photos are found more often.

    Part of the map's area is kept back, and asks for its photos before and after, by day, at a drawn night,
    from a little aside. If more are found, the adapted model is written beside the map, and the map is
    re-embedded with it as `viewfix migrate` does; if not, nothing changes. It says so either way. The map then
    belongs together with the file MAP.(fingerprint).onnx: copy both. Needs viewfix[train].
    """
    optional("torch")
    from ..train.adapt import adapt

    with console.progress(quiet=quiet) as report:
        outcome = adapt(
            place,
            model,
            positive_m=positive_m,
            heading_tolerance_deg=heading_tolerance_deg,
            seed=seed,
            progress=report,
        )
    click.echo(str(outcome))
    if outcome.kept and not dry_run:
        _keep(place, model, outcome, quiet=quiet)


def _keep(place: Address, model: str | None, outcome: Adapted, *, quiet: bool) -> None:
    """The adapted model beside the map, and the map of it; an earlier adapted one goes when nothing needs it."""
    from ..migrate import migrate
    from ..store.store import Store
    from ..train.adapt import kept_with

    before, file = kept_with(place, model, outcome)
    try:
        with console.progress(quiet=quiet) as report:
            migrated = migrate(place, file, progress=report)
    except BadInput as error:
        raise BadInput(f"{error} The adapted model is {file}: viewfix migrate {place.typed} --model {file}") from None
    with Store.open(place) as store:
        store.forget_model_file(before)
    click.echo(str(migrated))
    if place.file is not None:
        click.echo(f"the map's model is {file.name}, beside it: keep them together")
