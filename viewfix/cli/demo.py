"""viewfix demo: draw a small town, map it, and locate photos in it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("-o", "--output", default="viewfix-demo", show_default=True, type=click.Path(path_type=Path),
              help="Folder for the views, the map and the report.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Another number draws another town.")
def command(output: Path, seed: int) -> None:
    """Draw a small town, build a map of it, locate photos in it, and write a report.

    Needs no network and no photos. Takes a minute or two.
    """
    from ..demo.run import run

    run(output, seed=seed)
