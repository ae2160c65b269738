"""viewfix serve: an HTTP service for maps, with a web page for people."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput
from ..shell import shell_quoted
from .options import blur_option, device_option

SHORTEST_SECRET, LONGEST_SECRET = 32, 4096
"""The length of the secret of --state-key in bytes. More of a file is not read."""


@click.command()
@click.argument("maps", metavar="MAP...", nargs=-1, required=True, type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; 0.0.0.0 for all of this machine.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for any free one."
)
@click.option("--model", metavar="FILE", help="The .onnx file of a custom model, if the maps were built with one.")
@device_option
@click.option("--keys", type=click.Path(path_type=Path), metavar="KEYS.toml",
              help="Require a key from this file. Make keys with `viewfix serve-key`.")  # fmt: skip
@click.option("--per-minute", type=click.IntRange(1), metavar="N", help="Requests per minute for each key or client.")
@click.option("--trusted-proxy", "trusted_proxies", multiple=True, metavar="ADDRESS|NETWORK",
              help="A proxy whose X-Forwarded-For is trusted: 10.0.0.7 or 10.0.0.0/8.  [default: none]")  # fmt: skip
@click.option("--connections-per-client", type=click.IntRange(1), default=128, show_default=True, metavar="N",
              help="Limit of open connections per client. A new one closes the oldest idle one.")  # fmt: skip
@click.option("--verify", type=click.Choice(["accurate", "fast", "off"]),
              help="How to verify candidates if a request does not say.  [default: accurate]")  # fmt: skip
@click.option("--thumbnails", type=click.Choice(["none", "licensed", "all"]), default="licensed", show_default=True,
              help="Show thumbnails of photos under an open licence, or of all if you may show them.")  # fmt: skip
@blur_option
@click.option("--write", is_flag=True, help="Let keys with write permission add and remove photos.")
@click.option("--photos-folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder for added photos.")
@click.option("--state-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="A file with a secret that signs the states of tracks, for services that share them.")  # fmt: skip
@click.option("--keep-queries", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Store every query, and tell the people who send them. By default nothing is stored.")  # fmt: skip
@click.option(
    "--basemap",
    "--tiles",
    metavar="URL|FILE",
    help="Base map for all maps, in place of their own: {z}/{x}/{y} tiles, a style, or a .pmtiles file.",
)
@click.option("--basemap-attribution", metavar="TEXT", help="The attribution of the base map.")
@click.option("--sprites", metavar="URL", help="Sprites of a vector base map; {theme} becomes light or dark.")
@click.option("--glyphs", metavar="URL", help="Glyphs of a vector base map, with {fontstack} and {range}.")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Another site whose pages may send requests.")
@click.option("--root-path", default="", metavar="/PREFIX", help="The prefix under which a proxy shows the service.")
@click.option("--workers", type=click.IntRange(1), metavar="N",
              help="Photos to answer at the same time.  [default: the number of cores]")  # fmt: skip
@click.option("--waiting", type=click.IntRange(1), default=64, show_default=True, metavar="N",
              help="Photos that may wait; more are refused with status 429.")  # fmt: skip
@click.option("--most-mb", type=click.IntRange(1, 200), default=25, show_default=True, metavar="N",
              help="Size limit of one photo in megabytes.")  # fmt: skip
@click.option("--most-megapixels", type=click.IntRange(1, 200), default=64, show_default=True, metavar="N",
              help="Size limit of one photo in megapixels.")  # fmt: skip
@click.option("--grace", type=click.FloatRange(0, min_open=True), default=70.0, show_default=True, metavar="SECONDS",
              help="Time after SIGTERM for answering the requests already accepted.")  # fmt: skip
def command(maps: tuple[str, ...], host: str, port: int, model: str | None, **given: Any) -> None:
    """Serve each MAP over HTTP, with a web page for people at / and the API documentation at /docs.

    Try it: viewfix serve home.map, then http://127.0.0.1:8000 in a browser, or
    curl --data-binary @photo.jpg http://127.0.0.1:8000/v1/locate
    """
    from ..server import Settings, create_app
    from ..server.keys import Keys
    from ..server.process import serve
    from ..server.proxies import TrustedProxies

    basemap, basemap_file = _basemap(given)
    keys = None if given["keys"] is None else Keys(given["keys"])
    chosen = {name: given[name] for name in ("workers", "verify") if given[name] is not None}
    same = ("waiting", "per_minute", "connections_per_client", "thumbnails", "write", "photos_folder", "keep_queries",
            "cors", "blur")  # fmt: skip
    if given["state_key"] is not None:
        chosen["state_key"] = _secret(given["state_key"])
    settings = Settings(
        **chosen,
        **{name: given[name] for name in same},
        most_bytes=given["most_mb"] * 1_000_000,
        most_pixels=given["most_megapixels"] * 1_000_000,
        grace_s=given["grace"],
        keys=keys,
        trusted_proxies=TrustedProxies(given["trusted_proxies"]),
        basemap=basemap,
        basemap_file=basemap_file,
        root_path=given["root_path"].rstrip("/"),
    )
    app = create_app(maps, settings, model=model)
    if keys is None and not _is_loopback(host):
        click.echo(
            f"viewfix: {host} is reachable from other machines and no key is required. Use --keys to require one.",
            err=True,
        )
    names = ", ".join(f"{served.name} ({served.photos} photos)" for served in app.state.context.maps.all())
    shown = f"[{host}]" if ":" in host else host
    serve(app, host, port, lambda port: click.echo(f"Serving {names} at http://{shown}:{port}. Stop with Ctrl-C."))


def _secret(file: Path) -> bytes:
    try:
        secret = file.read_bytes()[:LONGEST_SECRET]
    except OSError as error:
        raise BadInput(f"The state key {file} could not be read ({error.strerror}). Check --state-key.") from error
    if len(secret) < SHORTEST_SECRET:
        raise BadInput(
            f"The state key {file} has {len(secret)} bytes, and {SHORTEST_SECRET} are needed. Make one: "
            f"python3 -c 'import secrets; print(secrets.token_hex(32))' > {shell_quoted(file)}"
        )
    return secret


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _basemap(given: dict[str, Any]) -> tuple[dict[str, Any] | None, Path | None]:
    """The settings of the base map for the page, and its file if this service serves it."""
    from ..basemap.pmtiles import Archive

    where = given["basemap"]
    if where is None:
        return None, None
    about = {"attribution": given["basemap_attribution"], "sprite": given["sprites"], "glyphs": given["glyphs"]}
    about = {name: value for name, value in about.items() if value is not None}
    if where.endswith(".pmtiles") and not where.startswith(("http://", "https://")):
        file = Path(where)
        if not file.is_file():
            raise BadInput(f"There is no file {file} for the base map. Use a .pmtiles file or the URL of tiles.")
        Archive(file)  # a damaged file is refused now, not by every browser
        return {"kind": "pmtiles", "url": "basemap.pmtiles", **about}, file.absolute()
    if not where.startswith(("http://", "https://")):
        raise BadInput(f"The base map {where} is not a .pmtiles file or a URL. Use http(s)://… or FILE.pmtiles.")
    if "{z}" not in where:
        return {"kind": "pmtiles" if where.endswith(".pmtiles") else "style", "url": where, **about}, None
    vector = where.split("?")[0].endswith((".pbf", ".mvt", ".mlt"))
    return {"kind": "vector" if vector else "raster", "url": where, **about}, None
