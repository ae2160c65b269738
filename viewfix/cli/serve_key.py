"""viewfix serve-key: a key for a service is made, shown once, and kept only as its hash."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--keys", default="keys.toml", show_default=True, type=click.Path(path_type=Path), metavar="KEYS.toml",
              help="Where its hash is kept; made if need be.")  # fmt: skip
@click.option("--write", is_flag=True, help="It may add and remove photos too.")
def command(name: str, keys: Path, write: bool) -> None:
    """Make a key for NAME, for `viewfix serve --keys`. It is shown now and never again."""
    from ..server.keys import new_key

    click.echo(new_key(keys, name, write=write))
    click.echo(f"Sent as: Authorization: Bearer KEY. To take it back, take its block out of {keys}.", err=True)
