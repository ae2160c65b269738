"""The command line. Each command has its own module, which is imported when it is used."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .. import __version__
from ..errors import StorageFailed, ViewfixError
from ..shell import shell_quoted

COMMANDS = {  # name: one-line help; viewfix/cli/<name>.py is imported only when it is used
    "demo": "Draw a small town, map it, and locate photos in it. Needs no photos.",
    "open": "Show a map, or a folder of photos, in the browser.",
    "build": "Build a map from photos, or continue one.",
    "add": "Add photos to a map.",
    "watch": "Keep a map up to date with a folder.",
    "fetch": "Download pictures of Panoramax, Mapillary or KartaView to a folder.",
    "remove": "Remove photos from a map.",
    "thin": "Take out photos that a map does not need.",
    "align": "Correct headings and positions of map photos by their neighbours.",
    "migrate": "Re-embed the photos of a map with another model, in place.",
    "adapt": "Fine-tune the model of a map on its photos, and keep it if it finds more.",
    "locate": "Say where photos were taken.",
    "compare": "Compare photos: the distance of every pair.",
    "places": "Say which of a few places photos show. Each place is a folder of photos.",
    "plot": "Draw the photos of a map by how they look, in two dimensions.",
    "info": "Show what is in a map.",
    "coverage": "Show where a map would find photos, where not, and what to photograph next.",
    "osm": "Add the base map, roads and sights of an OpenStreetMap file in one step.",
    "basemap": "Make and remove the base map that pages draw under the photos of a map.",
    "pois": "Add, list and remove the points of interest of a map.",
    "roads": "Add, list and remove the roads of a map.",
    "route": "Find the way from a photo to a sight, in words.",
    "geotag": "Find where the photos of an album were taken, and write it.",
    "track": "Find the path of a film or of a folder of photos.",
    "upcoming": "Name the sights that a moving camera will pass.",
    "export": "Write a map as GeoJSON, CSV, Parquet, KML, GPX, or for the TensorBoard projector.",
    "copy": "Copy a map between a file, PostgreSQL, Milvus and Parquet, and compare both.",
    "pack": "Write a map as an app that locates photos on a phone, without a network.",
    "plan": "Estimate memory, disk and machines for a map, and choose the engine.",
    "serve": "Answer over HTTP, with a web page for people.",
    "serve-key": "Make an API key for a service.",
    "train": "Train a model on photos of places, and export it for maps.",
    "eval": "Measure a model or a map on a dataset.",
    "models": "List the models that can be used.",
    "doctor": "Show what is installed, what is missing, and how to get it.",
}


class _Table(click.Group):
    """A group that lists its commands from a table, and imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):  # from the table: click itself would import every command
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            if Path(name).exists():
                hint = f" To see {'these photos' if Path(name).is_dir() else 'it'}: viewfix open {shell_quoted(name)}"
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Table, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="viewfix")
@click.pass_context
def app(ctx: click.Context) -> None:
    """Find out where a photo was taken.

    First steps: viewfix demo; then viewfix build my.map PATH/TO/YOUR/PHOTOS and viewfix locate my.map PHOTO.

    Shell completion: see docs/cli.md.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and exit. A ViewfixError becomes one line on standard error and its own exit code."""
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    before = sys.stdout
    try:
        result = app.main(args=list(args), prog_name="viewfix", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "viewfix"
        click.echo(f"viewfix: {error.format_message()} See: {command} --help", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"viewfix: {error.format_message()}", err=True)
        return error.exit_code
    except ViewfixError as error:
        click.echo(f"viewfix: {error}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("viewfix: stopped. What was stored stays; run the same command again to continue.", err=True)
        return 130
    except SystemExit as stop:
        # In `viewfix … | head` the reader closes the pipe early, and click replaces the stream with a silent one.
        return 0 if sys.stdout is not before else int(stop.code or 0)
    except OSError as error:  # should not happen, but one line is better than a traceback
        click.echo(f"viewfix: {error}. Check that the disk has room and that you may write there.", err=True)
        return StorageFailed.exit_code
