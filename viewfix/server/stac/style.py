"""The map style of the vector tiles, for MapLibre: which layers they have, and how a viewer draws them."""

from __future__ import annotations

from typing import Any

from .items import Site

MVT = "application/vnd.mapbox-vector-tile"
DEEPEST = 15
"""The zoom of the tiles with single photos. Viewers enlarge them for the zooms beyond."""

SOURCE = "geovisio"
"""The name that the Panoramax viewer looks for."""

_COLOUR = "#ff6f00"
_GRID_ENDS = 16.5


def map_style(site: Site) -> dict[str, Any]:
    """A MapLibre style of the vector tiles alone, to be laid over a background."""
    return {
        "version": 8,
        "name": "viewfix",
        "metadata": {
            "panoramax:fields": {
                "grid": ["nb_pictures", "nb_flat_pictures", "coef"],
                "sequences": ["id", "type"],
                "pictures": ["id", "ts", "heading", "sequences", "first_sequence", "type", "gps_accuracy"],
            }
        },
        "sources": {SOURCE: {"type": "vector", "tiles": [site.tiles], "minzoom": 0, "maxzoom": DEEPEST}},
        "layers": [_grid(), _sequences(), _pictures()],
    }


def _grid() -> dict[str, Any]:
    """Cells with photos, until single photos can be told apart."""
    return _layer("grid", "circle", {
        "circle-color": _COLOUR,
        "circle-radius": ["interpolate", ["linear"], ["get", "coef"], 0, 2, 1, 7],
        "circle-opacity": ["interpolate", ["linear"], ["zoom"], DEEPEST, 0.7, _GRID_ENDS, 0],
    }) | {"maxzoom": _GRID_ENDS, "layout": {"circle-sort-key": ["get", "coef"]}}  # fmt: skip


def _sequences() -> dict[str, Any]:
    paint = {"line-color": _COLOUR, "line-width": ["interpolate", ["linear"], ["zoom"], 0, 0.5, 10, 1.5, 16, 2]}
    return _layer("sequences", "line", paint) | {"layout": {"line-cap": "square"}}


def _pictures() -> dict[str, Any]:
    return _layer("pictures", "circle", {
        "circle-color": _COLOUR,
        "circle-radius": ["interpolate", ["linear"], ["zoom"], DEEPEST, 3, 17, 6, 22, 12],
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 17, 0, 20, 2],
    })  # fmt: skip


def _layer(name: str, kind: str, paint: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"{SOURCE}_{name}", "type": kind, "source": SOURCE, "source-layer": name, "paint": paint}
