"""viewfix adapt: fine-tune the model of a map on the photos of the map, and keep it if it finds more of them."""

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
              help="Photos closer than this that look the same way show one place.")  # fmt: skip
@click.option("--heading-tolerance-deg", default=30.0, show_default=True, type=click.FloatRange(0, 180),
              help="How much the headings of photos of one place may differ; 180 if they have none.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of all random choices.")
@click.option("--dry-run", is_flag=True, help="Print the result and change nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(
    place: Address,
    model: str | None,
    positive_m: float,
    heading_tolerance_deg: float,
    seed: int,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Fine-tune the model of MAP on its photos, and keep it if held-out photos are found more often.

    Part of the area of the map is held out. Its photos are queries before and after: by day, at a simulated
    night, and from slightly to the side. If more of them are found, the adapted model is written beside the map and the
    map is re-embedded with it, as by `viewfix migrate`; otherwise nothing changes. Either way, the result is
    printed. The map then needs the file MAP.(fingerprint).onnx: copy both together. Needs viewfix[train].
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
    """Write the adapted model beside the map, migrate the map to it, and delete an earlier adapted model."""
    from ..migrate import migrate
    from ..store.store import Store
    from ..train.adapt import store_model

    before, file = store_model(place, model, outcome)
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
