"""viewfix serve: maps answer over HTTP, and show their page."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput
from ..optional import optional

PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client", "limits")


@click.command()
@click.argument("maps", metavar="MAP...", nargs=-1, required=True, type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for every address of this machine.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--model", metavar="FILE", help="The model of the maps, where it is a file of your own.")
@click.option("--keys", type=click.Path(path_type=Path), metavar="KEYS.toml",
              help="Only who has a key may ask; make one with `viewfix serve-key`.")  # fmt: skip
@click.option("--per-minute", type=click.IntRange(1), metavar="N", help="Requests a minute from each key or address.")
@click.option("--verify", type=click.Choice(["accurate", "fast", "off"]), default="fast", show_default=True,
              help="How candidates are verified where a request does not say.")  # fmt: skip
@click.option("--thumbnails", type=click.Choice(["none", "licensed", "all"]), default="licensed", show_default=True,
              help="Whose pictures are shown small: those under an open licence; all: you may show them.")  # fmt: skip
@click.option("--write", is_flag=True, help="Let keys with that right add and remove photos.")
@click.option("--photos-folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Where added photos are kept.")
@click.option("--keep-queries", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Store every query. Tell those who ask; by default nothing is kept.")  # fmt: skip
@click.option("--basemap", metavar="URL|FILE", help="Under the page: {z}/{x}/{y} tiles, a style, or a .pmtiles file.")
@click.option("--basemap-attribution", metavar="TEXT", help="Whom to name for the base map.")
@click.option("--sprites", metavar="URL", help="Of a vector base map; {theme} becomes light or dark.")
@click.option("--glyphs", metavar="URL", help="Of a vector base map, with {fontstack} and {range}.")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Pages of other sites that may ask, each by its origin.")
@click.option("--root-path", default="", metavar="/PREFIX", help="Under which a proxy shows the service.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Photos worked on at a time. Default: the cores.")
@click.option("--waiting", type=click.IntRange(1), default=64, show_default=True, metavar="N",
              help="Photos that may wait; who comes then is told to come again.")  # fmt: skip
@click.option("--most-mb", type=click.IntRange(1, 200), default=25, show_default=True, help="Of one photo.")
@click.option("--most-megapixels", type=click.IntRange(1, 200), default=64, show_default=True, help="Of one photo.")
def command(maps: tuple[str, ...], host: str, port: int, model: str | None, **given: Any) -> None:
    """Answer over HTTP by the photos of each MAP, with a page at / for people.

    Try it: viewfix serve home.map, then http://127.0.0.1:8000 in a browser, or
    curl --data-binary @photo.jpg http://127.0.0.1:8000/v1/locate
    """
    for package in PACKAGES:
        optional(package)
    from ..server.app import create_app
    from ..server.running import serve
    from ..server.settings import Settings

    basemap, basemap_file = _basemap(given)
    keys = given["keys"]
    if keys is not None:
        from ..server.keys import Keys

        keys = Keys(keys)
    chosen = {} if given["workers"] is None else {"workers": given["workers"]}
    settings = Settings(
        **chosen,
        waiting=given["waiting"],
        most_bytes=given["most_mb"] * 1_000_000,
        most_pixels=given["most_megapixels"] * 1_000_000,
        verify=given["verify"],
        keys=keys,
        per_minute=given["per_minute"],
        thumbnails=given["thumbnails"],
        write=given["write"],
        photos_folder=given["photos_folder"],
        keep_queries=given["keep_queries"],
        cors=given["cors"],
        basemap=basemap,
        basemap_file=basemap_file,
        root_path=given["root_path"].rstrip("/"),
    )
    app = create_app(maps, settings, model=model)
    if keys is None and not _is_here(host):
        click.echo(f"viewfix: {host} can be reached by others, and no --keys are asked: everybody may ask.", err=True)
    names = ", ".join(f"{served.name} ({len(served.city)} photos)" for served in app.state.context.maps.all())
    shown = f"[{host}]" if ":" in host else host
    serve(app, host, port, lambda port: click.echo(f"Serving {names} at http://{shown}:{port}. Stop with Ctrl-C."))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _basemap(given: dict[str, Any]) -> tuple[dict[str, Any] | None, Path | None]:
    """What the page is told of the base map, and the file of it that is served from here."""
    where = given["basemap"]
    if where is None:
        return None, None
    about = {"attribution": given["basemap_attribution"], "sprite": given["sprites"], "glyphs": given["glyphs"]}
    about = {name: value for name, value in about.items() if value is not None}
    if where.endswith(".pmtiles") and not where.startswith(("http://", "https://")):
        file = Path(where)
        if not file.is_file():
            raise BadInput(f"There is no file {file} for the base map. Name a .pmtiles file, or the address of tiles.")
        return {"kind": "pmtiles", "url": "basemap.pmtiles", **about}, file.absolute()
    if not where.startswith(("http://", "https://")):
        raise BadInput(f"The base map {where} is no .pmtiles file and no address. Give http(s)://… or FILE.pmtiles.")
    if "{z}" not in where:
        return {"kind": "pmtiles" if where.endswith(".pmtiles") else "style", "url": where, **about}, None
    vector = where.split("?")[0].endswith((".pbf", ".mvt", ".mlt"))
    return {"kind": "vector" if vector else "raster", "url": where, **about}, None
