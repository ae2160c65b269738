"""Conversion of positions from other geodetic datums to WGS 84. Japan's old datum, for example, is 400 m off."""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyproj import Transformer

# Names without blanks and punctuation: datums that differ from WGS 84 by at most 2 m, and words for "unknown".
_SAME = re.compile(
    r"WGS(19)?84.*|WORLDGEODETICSYSTEM(19)?84|ITRF.*|ETRS(19)?89|ETRF.*|NAD(19)?83.*|JGD(2000|2011|2024)|GDA(19)?94|"
    r"GDA2020|NZGD2000|CGCS2000|PZ90.*|SIRGAS.*|GPS|EPSG4326|UNKNOWN|UNDEFINED|NONE|NA"
)
# Name without blanks and punctuation: EPSG code of the geographic coordinates.
_EPSG = {
    **dict.fromkeys(("TOKYO", "TOKYODATUM", "TOKYOMEAN", "OLDTOKYO", "EPSG4301"), 4301),
    **dict.fromkeys(("NAD27", "NAD1927", "NORTHAMERICANDATUM1927", "NORTHAMERICAN1927", "EPSG4267"), 4267),
    **dict.fromkeys(("ED50", "EUROPEANDATUM1950", "EUROPEAN1950", "ED1950", "EPSG4230"), 4230),
    **dict.fromkeys(("OSGB36", "OSGB1936", "OSGB", "ORDNANCESURVEYGREATBRITAIN1936", "EPSG4277"), 4277),
    **dict.fromkeys(("PULKOVO1942", "PULKOVO42", "SK42", "CK42", "EPSG4284"), 4284),
    **dict.fromkeys(("WGS72", "WGS1972", "EPSG4322"), 4322),
    **dict.fromkeys(("AGD66", "AGD1966", "AUSTRALIANGEODETIC1966", "EPSG4202"), 4202),
    **dict.fromkeys(("AGD84", "AGD1984", "AUSTRALIANGEODETIC1984", "EPSG4203"), 4203),
    **dict.fromkeys(("NZGD49", "NZGD1949", "GEODETICDATUM1949", "EPSG4272"), 4272),
    **dict.fromkeys(("CH1903", "EPSG4149"), 4149),
    **dict.fromkeys(("SAD69", "SOUTHAMERICAN1969", "EPSG4618"), 4618),
}


def to_wgs84(lat: float, lon: float, datum: str | None) -> tuple[float, float] | None:
    """Convert a position from a named datum to WGS 84; None if it cannot be converted.

    A missing or empty name means WGS 84, which GPS receivers use.
    """
    name = re.sub(r"[^A-Z0-9]", "", (datum or "").upper())
    if not name or _SAME.fullmatch(name):
        return lat, lon
    if name not in _EPSG or not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    east, north = _transformer(_EPSG[name]).transform(lon, lat)
    return (north, east) if math.isfinite(north) and math.isfinite(east) else None


@functools.cache
def _transformer(epsg: int) -> Transformer:
    from pyproj import Transformer  # only for the few photos that need it

    # No ballpark transformations: some of them change nothing, which would look like a conversion.
    return Transformer.from_crs(f"EPSG:{epsg}", "EPSG:4326", always_xy=True, allow_ballpark=False)
