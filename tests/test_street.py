"""Real street-level photos, where they are at hand: the figures of the README cannot fall unnoticed."""

import csv
from pathlib import Path

import pytest
from conftest import SHARED

from viewfix import Map, Position
from viewfix.geo import distance_m

CAMBRIDGE = SHARED / "cambridge" / "test"
pytestmark = pytest.mark.skipif(not CAMBRIDGE.is_dir(), reason=f"no street-level photos in {SHARED}; set VIEWFIX_DATA")


def test_street_level_queries_are_found_and_strangers_are_sent_away(tmp_path: Path) -> None:
    with (CAMBRIDGE / "queries.csv").open(newline="") as file:
        queries = [(CAMBRIDGE / r["file"], Position(float(r["lat"]), float(r["lon"]))) for r in csv.DictReader(file)][
            ::2
        ]
    strangers = sorted((SHARED / "gardens_point" / "day_left").glob("*.jpg"))[::2]
    with Map.build(tmp_path / "street.map", CAMBRIDGE / "map") as city:
        fixes = [city.locate(file) for file, _ in queries]
        outside = [city.locate(file) for file in strangers]
    nearest = [
        distance_m(fix.candidates[0].photo.position, at) <= 25 for fix, (_, at) in zip(fixes, queries, strict=True)
    ]
    answered = [
        distance_m(fix.position, at) <= (fix.position.radius_m or 0)
        for fix, (_, at) in zip(fixes, queries, strict=True)
        if fix.position
    ]
    assert sum(nearest) / len(nearest) >= 0.87
    assert len(answered) / len(fixes) >= 0.75
    assert sum(answered) / len(answered) >= 0.94
    assert sum(fix.found for fix in outside) / len(outside) <= 0.02
