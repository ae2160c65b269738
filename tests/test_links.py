"""Links from an answer to other maps: one list, the same in every form of the answer."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from viewfix.cli import run
from viewfix.geojson import to_feature
from viewfix.links import NAMES, links_of
from viewfix.types import Fix, Position


def parameters(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_every_link_leads_to_the_place() -> None:
    links = links_of(-33.8567844, 151.2152967, 211.6)
    assert list(links) == list(NAMES)
    at = "-33.856784,151.215297"
    assert links["openstreetmap"] == (
        "https://www.openstreetmap.org/?mlat=-33.856784&mlon=151.215297#map=19/-33.856784/151.215297"
    )
    assert parameters(links["google_maps"]) == {"api": "1", "query": at}
    assert parameters(links["street_view"]) == {"api": "1", "map_action": "pano", "viewpoint": at, "heading": "212"}
    assert parameters(links["google_directions"]) == {"api": "1", "destination": at}
    assert parameters(links["apple_maps"]) == {"ll": at, "q": at}
    assert parameters(links["apple_directions"]) == {"daddr": at}
    assert links["geo"] == f"geo:{at}"


@pytest.mark.parametrize(("heading_deg", "shown"), [(359.7, "0"), (0.2, "0"), (12.5, "13"), (None, None)])
def test_street_view_opens_in_the_direction_of_the_camera_where_that_is_known(
    heading_deg: float | None, shown: str | None
) -> None:
    assert parameters(links_of(50.0, 20.0, heading_deg)["street_view"]).get("heading") == shown


def test_an_answer_has_links_only_if_the_photo_was_found() -> None:
    found = Fix(Position(50.0, 20.0, 9.0), 0.9, (), "said", 12.0)
    assert to_feature("a.jpg", found)["properties"]["links"] == links_of(50.0, 20.0, 12.0) == found.links
    lost = Fix(None, 0.1, (), "said")
    assert to_feature("a.jpg", lost)["properties"]["links"] == {} == lost.links


def test_the_shell_prints_the_links_when_asked(
    real_map: Path, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(sorted(street.glob("*.jpg"))[5])
    assert run(["locate", str(real_map), query]) == 0
    assert "https://" not in capsys.readouterr().out
    assert run(["locate", str(real_map), query, "--links"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}: " in printed for name in NAMES.values()) and "geo:" in printed
