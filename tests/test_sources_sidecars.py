"""Sidecars are found regardless of case, normalisation, language and length of names; damaged ones do no harm."""

import unicodedata
from pathlib import Path

import pytest
from drawn import GPS, saved, scene, with_exif
from test_sources import SYDNEY, only, skipped, takeout, write

from viewfix.errors import UnreadablePhoto
from viewfix.sources import notes_of, open_source
from viewfix.sources.sidecars import Siblings
from viewfix.sources.takeout import LONGEST, sidecar_of
from viewfix.types import Photo, Position

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="43,4.584N" '
    'exif:GPSLongitude="79,4.62W"/></rdf:RDF></x:xmpmeta>'
)
NIAGARA = (pytest.approx(43.0764), pytest.approx(-79.077))


def find(photo: str, *sidecars: str) -> str | None:
    return sidecar_of(photo, Siblings([photo, *sidecars]))


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("sidecar", ["A.XMP", "A.JPG.XMP", "A.Xmp", "a.jpg.xmp", "A.xmp"])
def test_an_xmp_file_is_found_in_any_case(sidecar: str, tmp_path: Path) -> None:
    write(tmp_path, "A.JPG", data=saved(scene()))
    (tmp_path / sidecar).write_text(XMP)
    position = only(open_source(tmp_path)).position
    assert (position.lat, position.lon) == NIAGARA


def test_the_sidecar_of_a_photo_that_differs_in_case_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "A.jpg", data=saved(scene()))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this disk takes a.jpg and A.jpg for one file")
    (tmp_path / "A.jpg.xmp").write_text(XMP)
    with_position, without = open_source(tmp_path)
    assert isinstance(with_position, Photo) and with_position.id == "A.jpg"
    assert not isinstance(without, Photo)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_are_compared_however_they_are_written(forms: tuple[str, str]) -> None:
    photo, sidecar = (
        unicodedata.normalize(form, name)
        for form, name in zip(forms, ("Été à Évian.jpg", "Été à Évian.jpg.json"), strict=True)
    )
    assert find(photo, sidecar) == sidecar
    edited = unicodedata.normalize(forms[0], "Été à Évian-modifié.jpg")
    assert find(edited, sidecar) == sidecar


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_cut_by_utf_16_units_in_googles_normalisation(form: str) -> None:
    photo = "Ä" * 20 + "😀" * 12 + ".jpg"
    kept = unicodedata.normalize(form, photo).encode("utf-16-le")[: 2 * LONGEST].decode("utf-16-le", "ignore")
    assert units(kept) <= LONGEST < units(unicodedata.normalize(form, photo))
    for on_disk in ("NFC", "NFD"):
        sidecar = unicodedata.normalize(on_disk, kept) + ".json"
        assert find(unicodedata.normalize(on_disk, photo), sidecar) == sidecar


@pytest.mark.parametrize("instead", ["", "?", "_", "\ufffd"])
def test_a_character_that_is_cut_in_half_may_have_become_another(instead: str) -> None:
    photo = "x" + "😀" * 30 + ".jpg"
    sidecar = "x" + "😀" * 22 + instead + ".json"
    assert find(photo, sidecar) == sidecar


@pytest.mark.parametrize(
    "edited",
    [
        "IMG_1-edited.jpg",
        "IMG_1-EDITED.jpg",
        "IMG_1-bearbeitet.jpg",
        "IMG_1-modifié.jpg",
        "IMG_1-ha editado.jpg",
        "IMG_1-edytowane.jpg",
        "IMG_1-editat.jpg",
        "IMG_1-編集済み.jpg",
        "IMG_1-effects.jpg",
        "IMG_1-відредаговано.jpg",
        "IMG_1-edited.png",
    ],
)
def test_an_edited_copy_has_the_position_of_its_original_in_every_language(edited: str) -> None:
    for sidecar in ("IMG_1.jpg.json", "IMG_1.JPG.supplemental-metadata.json", "IMG_1.HEIC.supplemental-meta.json"):
        assert find(edited, sidecar) == sidecar
    assert find(edited, "IMG_10.jpg.json", "IMG_1.jpg.supplemental-metadata(1).json") is None


@pytest.mark.parametrize("edited", ["IMG_1-edited(1).jpg", "IMG_1(1)-edited.jpg"])
def test_a_counter_is_matched_to_the_right_sidecar(edited: str) -> None:
    both = ("IMG_1.jpg.supplemental-metadata.json", "IMG_1.jpg.supplemental-metadata(1).json")
    assert find(edited, *both) == find("IMG_1(1).jpg", *both) == both[1]
    assert find("IMG_1-edited.jpg", *both) == find("IMG_1.jpg", *both) == both[0]
    assert find("IMG_1(2).jpg", *both) is None


def test_the_mark_of_an_edited_copy_may_be_cut_off() -> None:
    stem = "Sommerurlaub_2019_Strand_und_Abendhimmel_ab"
    sidecar = f"{stem}.jp.json"
    for edited in (f"{stem}-edi.jpg", f"{stem}-bea.jpg", f"{stem}-mod.jpg"):
        assert find(edited, sidecar) == sidecar
    assert find("beach-edi.jpg", "beach.jpg.json") is None, "a short name is never cut"
    long = "Sommerurlaub_2019_Strand_und_Abendhimmel_am_See"
    assert find(f"{long}(1).jpg", f"{long[:46]}.json") == f"{long[:46]}.json"
    assert find(f"{long}(1).jpg", f"{long[:46]}.json", f"{long[:46]}(1).json") == f"{long[:46]}(1).json"


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("2013-08-22.jpg", "2013-08-22.json"),
        ("Cake.jpg", "Cake.supplemental-metadata.json"),
        ("Cake-edited.jpg", "Cake.supplemental-metadata.json"),
        ("Cake(2).jpg", "Cake.supplemental-metadata(2).json"),
        ("IMG_7.jpg", "IMG_7.HEIC.supplemental-metadata.json"),
        ("scan", "scan.supplemental-metadata.json"),
    ],
)
def test_a_sidecar_may_lack_the_extension_of_its_photo_or_have_that_of_the_original(photo: str, sidecar: str) -> None:
    assert find(photo, sidecar, "metadata.json") == sidecar
    own = f"{photo}.json"
    assert "." not in photo or find(photo, sidecar, own) == own, "its own comes first"


def test_a_photo_with_a_position_is_used_despite_an_unreadable_sidecar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "1.jpg")
    for damage in (b"<x:xmpmeta", b"", b"not xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        write(tmp_path, "1.xmp", data=damage)
        source = open_source(tmp_path)
        photo = only(source)
        assert (photo.position.lat, photo.position.lon) == SYDNEY

    def refused(path: Path) -> bytes:
        raise UnreadablePhoto(f"This user has no permission to read {path}.")

    monkeypatch.setattr("viewfix.sources.sidecars.read_bytes", refused)
    monkeypatch.setattr("viewfix.sources.takeout.read_bytes", refused)
    (tmp_path / "1.xmp").rename(tmp_path / "1.jpg.xmp")
    write(tmp_path, "1.jpg.json", data=takeout(1.0, 2.0))
    source = open_source(tmp_path)
    assert (only(source).position.lat, only(source).position.lon) == SYDNEY
    assert notes_of(source).kept == ["1.jpg: its sidecar 1.jpg.xmp could not be read. Its own position is used."]


@pytest.mark.parametrize(("name", "data"), [("1.xmp", b"<x:xmpmeta"), ("1.jpg.json", b'{"geoData":')])
def test_a_photo_without_a_position_is_skipped_with_its_damaged_sidecar(name: str, data: bytes, tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=saved(scene()))
    write(tmp_path, name, data=data)
    assert f"its sidecar {name} is damaged (" in skipped(open_source(tmp_path))


def test_a_sidecar_that_agrees_leaves_the_finer_position_without_a_note(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=with_exif({**GPS, 31: (12, 1)}))
    write(tmp_path, "1.jpg.json", data=takeout(-33.869566, 151.208333))
    source = open_source(tmp_path)
    assert only(source).position.radius_m == 12.0
    write(tmp_path, "1.jpg.json", data=takeout(-33.8697, 151.2084))
    assert only(source).position == Position(-33.8697, 151.2084), "a correction of 20 m counts"
    assert not notes_of(source).count
