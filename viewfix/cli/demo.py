"""viewfix demo: a small town is drawn, mapped and located, with nothing but what is installed."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("-o", "--output", default="viewfix-demo", show_default=True, type=click.Path(path_type=Path),
              help="Folder for the views, the map and the report.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Another number is another town.")
@click.option("--tiny", is_flag=True, help="One street in small pictures: a few seconds.")
def command(output: Path, seed: int, tiny: bool) -> None:
    """Draw a small town, build a map of it, find photos in it, and write a report. No network, no photos needed."""
    from ..demo.run import run

    run(output, seed=seed, tiny=tiny)
