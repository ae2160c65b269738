"""viewfix serve-key: make an API key for a service. It is printed once; the file keeps only its hash."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--keys", default="keys.toml", show_default=True, type=click.Path(path_type=Path), metavar="KEYS.toml",
              help="The file that stores its hash; created if needed, readable only by you.")  # fmt: skip
@click.option("--write", is_flag=True, help="Allow the key to add and remove photos.")
def command(name: str, keys: Path, write: bool) -> None:
    """Make a key called NAME for `viewfix serve --keys`. It is printed now and never again."""
    from ..server.keys import new_key

    click.echo(new_key(keys, name, write=write))
    click.echo(f"Send it as: Authorization: Bearer KEY. To revoke it, delete its block in {keys}.", err=True)
