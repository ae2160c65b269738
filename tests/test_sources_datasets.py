"""GSV-Cities and MSLS, unpacked as their authors publish them, as sources."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from viewfix import Photo, Position, Skipped
from viewfix.errors import BadInput
from viewfix.sources import open_source


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (90, 120, 60)).save(path, "JPEG")


@pytest.fixture
def gsv(tmp_path: Path) -> Path:
    root = tmp_path / "gsv-cities"
    for name in (
        "London_0000012_2015_07_134_51.50735_-0.12776_aB_c-D.JPG",
        "London_0000012_2018_00_584_51.50736_-0.12775_xyz.JPG",
        "London_0000013_2019_05_010_95.0_-0.12775_xyz.JPG",
    ):
        picture(root / "Images" / "London" / name)
    (root / "Dataframes").mkdir()
    (root / "Dataframes" / "London.csv").write_text("place_id,year,month,northdeg,city_id,lat,lon,panoid\n")
    return root


@pytest.fixture
def msls(tmp_path: Path) -> Path:
    root = tmp_path / "msls"
    tables = {
        "train_val/trondheim/database": ["1,k1,10.4,63.43,200.5,1500000000000,False", "2,k2,10.5,63.44,,,True"],
        "train_val/trondheim/query": ["1,q1,10.41,63.43,-10,,False", "2,gone,10.5,63.44,,,False"],
        "test/athens/database": ["1,a1,x,37.9,1,,False", "2,a2,23.7,137.9,1,,False"],
    }
    for folder, rows in tables.items():
        for key in ("k1", "k2", "q1", "a1", "a2"):
            picture(root / folder / "images" / f"{key}.jpg")
        (root / folder / "raw.csv").write_text("\n".join([",key,lon,lat,ca,captured_at,pano", *rows]) + "\n")
    return root


def test_names_of_gsv_cities_contain_position_and_time(gsv: Path) -> None:
    source = open_source(gsv)
    one, two, off = list(source)
    assert source.count == 3
    assert isinstance(one, Photo) and one.position == Position(51.50735, -0.12776)
    assert one.heading_deg == 134 and one.taken_at == datetime(2015, 7, 1)
    assert one.id == "Images/London/London_0000012_2015_07_134_51.50735_-0.12776_aB_c-D.JPG"
    assert isinstance(two, Photo) and two.heading_deg == 224, "584 is once round"
    assert two.taken_at is None, "no month 0"
    assert isinstance(off, Skipped) and "95" in off.reason


def test_cities_of_msls_are_photos_with_compass_and_time(msls: Path) -> None:
    source = open_source(msls)
    found = {item.id: item for item in source}
    assert source.count == 6
    known = found["trondheim/database/k1"]
    assert isinstance(known, Photo) and known.position == Position(63.43, 10.4) and known.heading_deg == 200.5
    assert known.taken_at == datetime.fromtimestamp(1.5e9, UTC) and Path(known.source).is_file()
    asked = found["trondheim/query/q1"]
    assert isinstance(asked, Photo) and asked.heading_deg == 350 and asked.taken_at is None
    reasons = {key: item.reason for key, item in found.items() if isinstance(item, Skipped)}
    assert reasons.keys() == {"trondheim/database/k2", "trondheim/query/gone", "athens/database/a1",
                              "athens/database/a2"}  # fmt: skip
    assert "panorama" in reasons["trondheim/database/k2"] and "no file gone.jpg" in reasons["trondheim/query/gone"]
    assert "'x'" in reasons["athens/database/a1"] and "137.9" in reasons["athens/database/a2"]


def test_one_city_of_msls_can_be_passed(msls: Path) -> None:
    assert {item.id for item in open_source(msls / "train_val" / "trondheim") if isinstance(item, Photo)} == {
        "trondheim/database/k1",
        "trondheim/query/q1",
    }


def test_a_table_without_positions_is_refused(msls: Path) -> None:
    (msls / "test/athens/database/raw.csv").write_text("key,ca\na1,3\n")
    with pytest.raises(BadInput, match=r"raw.csv has no column lat, lon. It has: key, ca"):
        open_source(msls)


def test_an_ordinary_folder_is_read_as_one(tmp_path: Path) -> None:
    picture(tmp_path / "holiday_2015_07_beach.jpg")
    (item,) = open_source(tmp_path)
    assert isinstance(item, Skipped), "its name is no position"
