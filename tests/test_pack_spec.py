"""The sample packs of docs/spec: readers accept the good ones and refuse each broken one; the page names them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from viewfix.errors import BadInput
from viewfix.pack import read_pack

SPEC = Path(__file__).parents[1] / "docs" / "spec"
SAMPLES = sorted((SPEC / "samples").glob("pack-*"))
BROKEN = [sample for sample in SAMPLES if sample.name.startswith("pack-broken-")]
GOOD = [sample for sample in SAMPLES if sample not in BROKEN]


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.name)
def test_a_good_sample_is_read(sample: Path) -> None:
    content = read_pack(sample)
    assert content.photos.count == content.manifest["photos"] == 4
    assert content.photos.arrays["lats"][1] == 500001000
    assert [each["name"] for each in content.points] == (["Clock Tower"] if sample.name == "pack-full" else [])
    assert (content.roads is not None) == (sample.name == "pack-full")
    if content.roads is not None:
        assert content.roads.length_m == 133.5 and content.roads.name_table == ("", "Long Street")


@pytest.mark.parametrize("sample", BROKEN, ids=lambda sample: sample.name)
def test_a_broken_sample_is_refused_in_one_line(sample: Path) -> None:
    with pytest.raises(BadInput) as refused:
        read_pack(sample)
    assert len(str(refused.value).splitlines()) == 1


def test_the_specification_names_every_sample() -> None:
    text = (SPEC / "pack.md").read_text("utf-8")
    assert GOOD and len(BROKEN) > 40
    assert [sample.name for sample in SAMPLES if f"`{sample.name}`" not in text] == []


def test_a_folder_that_is_not_a_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not a pack: pack\.json cannot be read"):
        read_pack(tmp_path)
