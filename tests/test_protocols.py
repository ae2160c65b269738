"""The protocols: consistent data, found by name, and described by the documentation in the same words."""

import re
from pathlib import Path

import pytest

from viewfix.errors import BadInput
from viewfix.evaluate.protocol import Count, SamePair, WithinFrames, WithinM, exactly
from viewfix.evaluate.protocols import ALIASES, PROTOCOLS, protocol, table

PAGE = Path(__file__).parent.parent / "docs" / "protocols.md"

EXPECTED = """pitts30k pitts250k tokyo247 msls-val-740 msls-val-full nordland-n1 nordland-n10 sf-xl-v1 sf-xl-v2
sf-xl-night sf-xl-occlusion amstertime sped eynsham svox-night svox-overcast svox-rain svox-snow svox-sun
st-lucia gardens-point"""


@pytest.mark.parametrize("name", EXPECTED.split())
def test_every_protocol_is_there(name: str) -> None:
    assert protocol(name).name == ALIASES.get(name, name)


def test_names_are_distinct_and_every_entry_names_its_paper() -> None:
    names = [each.name for each in PROTOCOLS]
    assert len(set(names)) == len(names)
    assert not set(ALIASES) & set(names)
    for each in PROTOCOLS:
        assert each.layouts and each.paper and each.trap, each.name
        assert each.expected_queries and each.expected_database, each.name


def test_a_misspelt_protocol_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"no protocol called 'pits30k'\. Did you mean 'pitts30k'\?"):
        protocol("pits30k")
    with pytest.raises(BadInput, match="Choose one of: pitts30k, pitts250k"):
        protocol("###")


def test_only_certain_counts_must_match_exactly() -> None:
    assert (protocol("pitts30k").queries, protocol("pitts30k").database) == (6816, 10000)
    assert protocol("sf-xl-night").queries is None, "from memory, so a difference is not an error"
    assert protocol("eynsham").database is None, "a range"
    assert str(exactly(6816)) == "6,816"
    assert str(Count(11084, 11120, certain=False)) == "11,084 to 11,120 (unverified)"
    assert Count(2, 3).allows(3) and not Count(2, 3).allows(4)


def test_rules_by_metres_frames_and_pairs_are_distinguished() -> None:
    assert (protocol("tokyo247").rule, protocol("tokyo247").radius_m) == (WithinM(25.0), 25.0)
    assert (protocol("nordland-n10").rule, protocol("nordland-n10").radius_m) == (WithinFrames(10), None)
    assert protocol("nordland-n1").rule == WithinFrames(1, step=10)
    assert protocol("sped").rule == SamePair()
    assert str(protocol("nordland-n1").rule) == "within 1 frame, queries are every 10th"


def test_the_page_has_the_table_of_the_code() -> None:
    assert table() in PAGE.read_text(), "put the output of viewfix.evaluate.protocols.table() into docs/protocols.md"


def test_the_page_lists_the_layouts_and_the_paper_of_every_protocol() -> None:
    text = re.sub(r"\s+", " ", PAGE.read_text())
    for each in PROTOCOLS:
        assert each.paper in text, f"{each.name}: {each.paper}"
        for layout in each.layouts:
            assert f"`{layout}`" in text, f"{each.name}: {layout}"
    for alias, name in ALIASES.items():
        assert f"`{alias}` is `{name}`" in text
