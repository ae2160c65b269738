"""Geotagging: positions reach sidecars and pictures, nothing else changes, and everything can be undone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import piexif
import pytest
from conftest import Toy
from PIL import Image

from viewfix import BadInput, Map, Position, StorageFailed
from viewfix.geo import distance_m
from viewfix.geotag import GeotagOptions, GeotagPlan, Tag, undo
from viewfix.geotag import exiftool as exiftool_module
from viewfix.geotag import journal as journal_module
from viewfix.geotag.change import common_ends
from viewfix.geotag.combine import Estimate, combined
from viewfix.geotag.exiftool import ExifTool
from viewfix.geotag.journal import NAME, Entry, Journal
from viewfix.geotag.sidecar import degrees_text, merged, undone
from viewfix.geotag.write import write_tags
from viewfix.photos.xmp import from_xmp
from viewfix.types import silent

HERE = Tag(Position(60.1704123, -24.9418731, 8.25), 123.4, 0.9345, "photo, neighbours", "Café <Ä> & B", "Ring\nroad")
BEGAN = datetime(2026, 5, 1, 12, 0)
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")

FOREIGN = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2"><r:RDF
 xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><!-- a comment --><r:Description r:about=""
 xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:darktable="http://darktable.sf.net/" xmlns:exif="http://foreign/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" exif:lines="1&#10;2&#9;3" e:GPSLatitude="0,0.0N" e:GPSLongitude="0,0.0E"
 e:GPSAltitude="120/1" darktable:history_end="3"><darktable:mask><r:Seq/></darktable:mask>
 <dc:title><r:Alt><r:li xml:lang="x-default">Grandma &amp; me</r:li></r:Alt></dc:title></r:Description></r:RDF>
</x:xmpmeta>"""

DEEP = b"<a xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><r:RDF>%b</r:RDF></a>" % (b"<b>" * 99 + b"</b>" * 99)


def taken(number: int) -> bytes:
    stamp = (BEGAN + timedelta(seconds=20 * number)).strftime("%Y:%m:%d %H:%M:%S").encode()
    return piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp}})


@pytest.fixture(scope="module")
def base(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the street, and an album: eight of its photos without a position, 20 s apart."""
    folder = tmp_path_factory.mktemp("geotag")
    Map.build(folder / "home.map", street, model=Toy()).close()
    (folder / "album" / "day 2").mkdir(parents=True)
    for i, file in enumerate(sorted(street.glob("*.jpg"))[:8]):
        below = "day 2/" if i >= 6 else ""
        Image.open(file).resize((150, 112)).save(folder / "album" / f"{below}{i}.jpg", quality=90, exif=taken(i))
    return folder


@pytest.fixture
def desk(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(base, tmp_path / "desk")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("viewfix.geotag.job.cache_folder", lambda name: tmp_path / "cache" / name)
    return tmp_path / "desk"


def planned(desk: Path, **options: object) -> GeotagPlan:
    """The plan for the album. The toy model knows its street, so low probabilities are good enough here."""
    chosen = GeotagOptions(**{"least_confidence": 0.05, "verify": "off", **options})
    with Map.open(desk / "home.map", model=Toy()) as city:
        return city.geotag(desk / "album", options=chosen)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def plan(desk: Path) -> Iterator[GeotagPlan]:
    with planned(desk) as made:
        yield made


def test_positions_are_written_beside_the_photos_and_taken_back_without_a_trace(desk: Path, street: Path, plan) -> None:
    before = contents(desk / "album")
    found = list(plan)
    assert [each.id for each in found] == [*(f"{i}.jpg" for i in range(6)), "day 2/6.jpg", "day 2/7.jpg"]
    written = plan.write()
    assert written.photos == written.files == sum(each.state == "placed" for each in found) >= 6
    now = contents(desk / "album")
    assert {name: now[name] for name in before} == before, "no picture was touched"
    for each in found:
        if each.state == "placed":
            told = from_xmp(each.file.with_name(f"{each.file.name}.xmp").read_bytes())
            assert distance_m(told.position, each.tag.position) < 0.1
            assert told.position.radius_m == pytest.approx(each.tag.position.radius_m, abs=0.01)
    outcome = undo(desk / "album")
    assert outcome.restored == written.files and not outcome.left
    assert contents(desk / "album") == before


def test_a_second_run_writes_nothing(desk: Path, plan) -> None:
    first = plan.write()
    with planned(desk) as again:
        assert again.counts()["written"] == first.photos and not again.counts()["placed"]
        assert again.write().photos == 0


def test_a_killed_run_goes_on_where_it_was(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfix.geotag import see

    real, looked = see.describe_query, []

    def counting(path: Path, model: Toy) -> object:
        looked.append(path.name)
        if len(looked) == 6:
            raise KeyboardInterrupt
        return real(path, model)

    monkeypatch.setattr(see, "COMMITTED", 1)
    monkeypatch.setattr(see, "describe_query", counting)
    with pytest.raises(KeyboardInterrupt):
        planned(desk)
    before_kill = len(looked)
    with planned(desk) as finished:
        assert sum(finished.counts().values()) == 8
    assert len(looked) - before_kill < 8, "photos that were looked at before the kill are not looked at again"


def test_a_kill_between_the_journal_and_the_file_loses_nothing(desk: Path, plan, monkeypatch) -> None:
    from viewfix.geotag.change import Change

    def killed(self: Change) -> None:
        raise KeyboardInterrupt

    before = contents(desk / "album")
    with monkeypatch.context() as patch:
        patch.setattr(Change, "apply", killed)
        patch.setattr(Journal, "confirm", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            plan.write()
    with planned(desk) as again:
        assert not again.counts()["written"]
        assert again.write().photos >= 6
    undo(desk / "album")
    assert contents(desk / "album") == before


def test_a_read_only_album_that_was_geotagged_can_be_read_but_not_written(tmp_path: Path, monkeypatch) -> None:
    made = Entry("a.jpg", "a.jpg.xmp", None, "0" * 64, b"", b"", 0, 0, 0, "2026-05-01T12:00:00+00:00")
    (tmp_path / "a.jpg.xmp").touch()
    journal = Journal(tmp_path)
    journal.add([made])
    journal.confirm()
    journal.close()
    connect = journal_module.sqlite3.connect

    def read_only(path: Path, **options: object) -> object:
        return connect(f"{path.as_uri()}?mode=ro", uri=True, **options)

    monkeypatch.setattr(journal_module.sqlite3, "connect", read_only)
    assert journal_module.written_before(tmp_path, ["a.jpg", "b.jpg"]) == {"a.jpg"}
    journal = Journal(tmp_path)
    with pytest.raises(StorageFailed, match="--sidecars-in FOLDER"):
        journal.add([made])
    journal.close()


def test_a_file_that_cannot_be_read_stays_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "unreadable.xmp").mkdir()
    journal = Journal(tmp_path)
    made = Entry("a.jpg", "", None, "0" * 64, b"", b"", 0, 0, 0, "2026-05-01T12:00:00+00:00")
    journal.add([replace(made, file=name) for name in ("unreadable.xmp", "never-written.xmp")])
    journal.confirm()
    assert [entry.file for entry in journal.newest_first()] == ["unreadable.xmp"]
    journal.close()


def test_a_sidecar_that_exists_is_completed_and_everything_in_it_stays() -> None:
    text = merged(FOREIGN, HERE).decode()
    for kept in ("<!-- a comment -->", 'exif:lines="1&#10;2&#9;3"', 'e:GPSAltitude="120/1"', "Grandma &amp; me",
                 'darktable:history_end="3"', 'x:xmptk="XMP Core 4.4.0-Exiv2"'):  # fmt: skip
        assert kept in text
    assert "0,0.0N" not in text
    told = from_xmp(text.encode())
    assert distance_m(told.position, HERE.position) < 0.01 and told.heading_deg == 123.4
    assert merged(text.encode(), HERE).decode().count("<exif:GPSLatitude>") == 2, "merged twice, written once"


def test_an_existing_place_name_stays() -> None:
    theirs = merged(None, Tag(HERE.position, road="My road")).replace(b"<exif:GPSLatitude>", b"<exif:X>", 2)
    theirs = (
        theirs[: theirs.rindex(b"<exif:X>")]
        + b"</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
        + (b"</rdf:Description></rdf:RDF></x:xmpmeta>")
    )
    theirs = theirs.replace(b"<exif:X>60,10.224738N</exif:GPSLatitude>", b"", 1)
    text = merged(theirs, HERE).decode()
    assert "My road" in text and "Café" not in text


def test_an_edit_after_geotagging_survives_the_undo(desk: Path, plan) -> None:
    (desk / "album" / "0.jpg.xmp").write_bytes(FOREIGN)
    plan.write()
    edited = desk / "album" / "0.jpg.xmp"
    edited.write_bytes(edited.read_bytes().replace(b"Grandma", b"Grandpa"))
    outcome = undo(desk / "album")
    text = edited.read_text(encoding="utf-8")
    assert outcome.edited == 1 and "Grandpa" in text and "viewfix" not in text
    assert text.count("GPSLatitude") == 2 and "0,0.0N" in text, "the position from before is back"
    assert undone(merged(FOREIGN, HERE), FOREIGN, merged(FOREIGN, HERE)).count(b"GPSLatitude") == 2


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "declares a document type"),
        (b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF", "is damaged"),
        (b"<html/>", "not XMP"),
        (DEEP, "nested too deeply"),
    ],
)  # fmt: skip
def test_a_sidecar_that_cannot_be_merged_is_left_alone(desk: Path, plan, sidecar: bytes, reason: str) -> None:
    (desk / "album" / "0.jpg.xmp").write_bytes(sidecar)
    written = plan.write()
    assert [each.id for each in written.skipped] == ["0.jpg"] and reason in written.skipped[0].reason
    assert (desk / "album" / "0.jpg.xmp").read_bytes() == sidecar


def test_new_sidecars_may_be_named_by_the_stem_unless_two_photos_share_it(desk: Path) -> None:
    shutil.copy(desk / "album" / "1.jpg", desk / "album" / "1.png")
    with planned(desk, naming="stem") as made:
        made.write()
    names = {path.name for path in (desk / "album").glob("*.xmp")}
    assert {"0.xmp", "1.jpg.xmp"} <= names and "1.xmp" not in names


def test_a_read_only_card_gets_its_sidecars_elsewhere(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with planned(desk, sidecars_in=desk / "out") as made:
        assert made.write().photos >= 6
    assert (desk / "out" / "day 2" / "6.jpg.xmp").exists() and not list((desk / "album").rglob("*.xmp"))
    undo(desk / "out")
    assert not list((desk / "out").rglob("*.xmp"))

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(journal_module.sqlite3, "connect", refused)
    with pytest.raises(StorageFailed, match="Read-only file system.*--sidecars-in FOLDER"):
        Journal(desk / "album")


@pytest.mark.parametrize(
    ("folder", "reason"), [("nowhere", "There is no"), ("empty", "There are no photos in"), ("a.txt", "not a folder")]
)
def test_a_folder_that_cannot_be_geotagged_is_named(desk: Path, folder: str, reason: str) -> None:
    (desk / "empty").mkdir()
    (desk / "a.txt").write_text("x")
    with Map.open(desk / "home.map", model=Toy()) as city, pytest.raises(BadInput, match=reason):
        city.geotag(desk / folder)


def test_nothing_was_written_so_nothing_is_undone(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="wrote nothing there"):
        undo(tmp_path)


def test_a_journal_from_elsewhere_cannot_reach_outside_its_folder(desk: Path, plan) -> None:
    plan.write()
    secret = desk / "secret.txt"
    secret.write_text("mine")
    with Journal(desk / "album")._db as db:
        db.execute("UPDATE writes SET file = '../secret.txt'")
    outcome = undo(desk / "album")
    assert secret.read_text() == "mine" and "not below that folder" in outcome.left[0].reason


def test_estimates_that_agree_do_not_add_up_and_those_that_contradict_weaken() -> None:
    here, there = Position(50, 20, 25.0), Position(50.01, 20, 25.0)
    both = combined([Estimate("photo", here, 0.8, 90.0), Estimate("neighbours", here, 0.9)])
    assert both.confidence == 0.9 and both.heading_deg == 90.0 and both.by == "photo, neighbours"
    against = combined([Estimate("photo", here, 0.8), Estimate("neighbours", there, 0.9)])
    assert against.position == there and against.by == "neighbours" and 0.5 < against.confidence < 0.8
    assert combined([]) is None


def test_degrees_are_written_as_xmp_has_them_and_never_with_60_minutes() -> None:
    assert degrees_text(-24.9418731, "EW") == "24,56.512386W"
    assert degrees_text(59.99999999999, "NS") == "60,0.000000N"


def test_two_contents_are_compared_at_both_ends() -> None:
    assert common_ends(b"abcXdef", b"abcYYdef") == (3, 3)
    assert common_ends(b"aaa", b"aaaaa") == (3, 0)
    assert common_ends(b"", b"x") == (0, 0)


def exif_of(*files: Path) -> list[dict[str, object]]:
    said = subprocess.run(["exiftool", "-j", "-n", "-G1", "-struct", *files], capture_output=True, check=True)
    found: list[dict[str, object]] = json.loads(said.stdout)
    return found


@needs_exiftool
def test_exiftool_reads_what_a_sidecar_says(tmp_path: Path) -> None:
    files = [tmp_path / "new.jpg.xmp", tmp_path / "old.jpg.xmp"]
    files[0].write_bytes(merged(None, HERE))
    files[1].write_bytes(merged(FOREIGN, HERE))
    for said in exif_of(*files):
        assert said["XMP-exif:GPSLatitude"] == pytest.approx(60.1704123, abs=1e-7)
        assert said["XMP-exif:GPSLongitude"] == pytest.approx(-24.9418731, abs=1e-7)
        assert said["XMP-exif:GPSImgDirection"] == 123.4 and said["XMP-exif:GPSHPositioningError"] == 8.25
        [place] = said["XMP-iptcExt:LocationCreated"]
        assert place["LocationName"] == "Café <Ä> & B" and place["Sublocation"] == "Ring road"
        assert said["XMP-viewfix:Probability"] == 0.9345
    assert said["XMP-dc:Title"] == "Grandma & me" and said["XMP-darktable:History_end"] == 3


@needs_exiftool
def test_pictures_are_written_by_exiftool_and_restored_to_the_byte(desk: Path) -> None:
    album = desk / "album"
    awkward = album / "it's -a=b\n@x.jpg"
    shutil.copy(album / "0.jpg", awkward)
    Image.open(album / "1.jpg").save(album / "p.png")
    before, times = contents(album), {path: path.stat().st_mtime_ns for path in album.glob("*.jpg")}
    wanted = [(name, HERE) for name in ("0.jpg", awkward.name, "p.png")]
    written = write_tags(album, album, wanted, GeotagOptions(write="exif"), silent, 3)
    assert written.photos == 3 and not written.skipped
    for said in exif_of(album / "0.jpg", awkward, album / "p.png"):
        assert said["GPS:GPSLatitude"] == pytest.approx(60.1704123, abs=1e-6) and said["GPS:GPSLongitudeRef"] == "W"
        assert said["GPS:GPSHPositioningError"] == 8.25 and said["GPS:GPSImgDirection"] == 123.4
        assert said["XMP-iptcExt:LocationCreated"][0]["LocationName"] == "Café <Ä> & B"
        assert said["XMP-viewfix:Probability"] == 0.9345
    now = album / "p.png"
    Image.open(now).load()
    assert (album / NAME).stat().st_size < 60_000, "the journal keeps the metadata, not the picture"
    undo(album)
    assert contents(album) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


@needs_exiftool
def test_an_existing_place_in_a_picture_stays(desk: Path) -> None:
    album = desk / "album"
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-XMP-iptcExt:LocationCreatedCity=Kyiv", album / "0.jpg"],
                   check=True)  # fmt: skip
    write_tags(album, album, [("0.jpg", HERE)], GeotagOptions(write="exif"), silent, 1)
    [said] = exif_of(album / "0.jpg")
    assert said["XMP-iptcExt:LocationCreated"] == [{"City": "Kyiv"}] and "GPS:GPSLatitude" in said


def test_a_link_is_not_replaced_by_a_file(desk: Path, plan: GeotagPlan) -> None:
    (desk / "elsewhere.xmp").write_bytes(FOREIGN)
    (desk / "album" / "0.jpg.xmp").symlink_to(desk / "elsewhere.xmp")
    written = plan.write()
    assert "is a link" in written.skipped[0].reason and (desk / "elsewhere.xmp").read_bytes() == FOREIGN


def test_nothing_is_computed_again_if_nothing_changed(desk: Path, plan: GeotagPlan, monkeypatch) -> None:
    from viewfix.geotag import connect, see

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    first = [str(each) for each in plan]
    with monkeypatch.context() as patch:
        patch.setattr(see, "describe_query", never)
        patch.setattr(connect, "_answer", never)
        with planned(desk) as again:
            assert [str(each) for each in again] == first
    (desk / "album" / "2.jpg").unlink()
    with planned(desk) as less:
        assert len(list(less)) == len(first) - 1


@needs_exiftool
def test_a_picture_that_was_edited_since_is_not_overwritten(desk: Path) -> None:
    album = desk / "album"
    write_tags(album, album, [("0.jpg", HERE)], GeotagOptions(write="exif"), silent, 1)
    Image.open(album / "0.jpg").rotate(90).save(album / "0.jpg")
    edited = (album / "0.jpg").read_bytes()
    outcome = undo(album)
    assert (album / "0.jpg").read_bytes() == edited and "edited after" in outcome.left[0].reason
    assert (album / NAME).exists(), "the journal still has what was before"


def test_exiftool_that_is_missing_old_or_strange_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exiftool_module.shutil, "which", lambda _: None)
    with pytest.raises(BadInput, match="was not found. Install it"):
        ExifTool()
    monkeypatch.setattr(exiftool_module.shutil, "which", lambda _: "exiftool")
    for said, reason in (("9.46\n", "is exiftool 9.46, but 12.00 or later"), ("hello", "does not report its version")):
        answer = subprocess.CompletedProcess([], 0, said, "")
        monkeypatch.setattr(exiftool_module.subprocess, "run", lambda *_, answer=answer, **__: answer)
        with pytest.raises(BadInput, match=reason):
            ExifTool()


@needs_exiftool
def test_exiftool_that_does_not_answer_is_stopped(tmp_path: Path) -> None:
    tool = ExifTool(timeout_s=0.2)
    tool._lines = type(tool._lines)()  # nothing that it says arrives
    with pytest.raises(StorageFailed, match="did not answer"):
        tool.write(tmp_path / "none.jpg", HERE)
    assert tool._process.poll() is not None


@pytest.mark.parametrize(
    "options", [{"least_confidence": 2}, {"naming": "x"}, {"write": "x"}, {"mode": "fly"}, {"camera_zone": "Mars"},
                {"verify": "x"}, {"write": "exif", "sidecars_in": Path("x")}],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        GeotagOptions(**options)
