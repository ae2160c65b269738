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
    return {
        "id": f"{SOURCE}_grid",
        "type": "circle",
        "source": SOURCE,
        "source-layer": "grid",
        "maxzoom": _GRID_ENDS,
        "layout": {"circle-sort-key": ["get", "coef"]},
        "paint": {
            "circle-color": _COLOUR,
            "circle-radius": ["interpolate", ["linear"], ["get", "coef"], 0, 2, 1, 7],
            "circle-opacity": ["interpolate", ["linear"], ["zoom"], DEEPEST, 0.7, _GRID_ENDS, 0],
        },
    }


def _sequences() -> dict[str, Any]:
    return {
        "id": f"{SOURCE}_sequences",
        "type": "line",
        "source": SOURCE,
        "source-layer": "sequences",
        "layout": {"line-cap": "square"},
        "paint": {"line-color": _COLOUR, "line-width": ["interpolate", ["linear"], ["zoom"], 0, 0.5, 10, 1.5, 16, 2]},
    }


def _pictures() -> dict[str, Any]:
    return {
        "id": f"{SOURCE}_pictures",
        "type": "circle",
        "source": SOURCE,
        "source-layer": "pictures",
        "paint": {
            "circle-color": _COLOUR,
            "circle-radius": ["interpolate", ["linear"], ["zoom"], DEEPEST, 3, 17, 6, 22, 12],
            "circle-stroke-color": "#ffffff",
            "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 17, 0, 20, 2],
        },
    }
