"""Whatever a caller passes becomes one source: paths, lists, patterns, open files, streams; folders as they are."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn import GPS, saved, scene, with_exif
from test_sources import ids, write

from viewfix.errors import BadInput
from viewfix.evaluate import datasets
from viewfix.sources import open_source, open_sources, paths, pictures_in
from viewfix.types import Photo, Position, Skipped


def test_jpegs_with_other_extensions_are_photos_and_other_pictures_are_reported(tmp_path: Path) -> None:
    write(tmp_path, "a.jfif", "b.mpo", "c.insp", "d.pjpeg", "e", "f.jpg_large", "g.bin", "h.jpg~")
    write(tmp_path, "i", data=saved(scene(), "PNG"))
    others = {
        "a.gif": (b"GIF89a", "a GIF"),
        "b.bmp": (b"BM\x36\x24\0\0" + bytes(4), "a BMP"),
        "c.dng": (b"II*\0", "a raw file of a camera"),
        "d.CR3": (b"\0\0\0\x18ftypcrx ", "a raw file of a camera"),
        "e.jxl": (b"\xff\x0a", "a JPEG XL"),
        "f.psd": (b"8BPS", "a Photoshop document"),
    }
    for name, (beginning, _) in others.items():
        write(tmp_path / "others", name, data=beginning + bytes(99))
    for name, data in (("BM.txt", b"BMW and others"), ("film.mp4", b"\0\0\0\x20ftypisom"), ("x.csv", b"a"), ("0", b"")):
        write(tmp_path / "others", name, data=data)
    source = open_source(tmp_path)
    items = list(source)
    assert [item.id for item in items if isinstance(item, Photo)] == list(
        ("a.jfif", "b.mpo", "c.insp", "d.pjpeg", "e", "f.jpg_large", "g.bin", "h.jpg~")
    )
    reasons = {item.id: item.reason for item in items if isinstance(item, Skipped)}
    assert reasons.pop("i").startswith("it carries no GPS position"), "a PNG without an ending is a picture as well"
    assert reasons == {
        f"others/{name}": f"it is {what}, which is not read. Save it as JPEG or PNG."
        for name, (_, what) in others.items()
    }
    assert source.count == len(items)
    assert ids(open_sources([tmp_path / "e", tmp_path / "f.jpg_large"])) == ["e", "f.jpg_large"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_a_folder_does_not_block(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert ids(open_source(tmp_path)) == ["1.jpg"]


def test_folders_of_queries_are_walked_as_a_build_walks_them(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "below/2", "below/.hidden.jpg", "below/3.webp")
    write(tmp_path, "1.jpg.json", "1.xmp", "notes.txt", data=b"{}")
    write(tmp_path, "a.gif", data=b"GIF89a")
    found = list(pictures_in([tmp_path, tmp_path / "notes.txt"]))
    assert [path.relative_to(tmp_path).as_posix() for path in found if isinstance(path, Path)] == [
        "1.jpg", "below/2", "below/3.webp", "notes.txt",
    ]  # fmt: skip
    assert [item for item in found if isinstance(item, Skipped)] == [
        Skipped("a.gif", "it is a GIF, which is not read"),
        Skipped("notes.txt", "it is not a picture"),
    ]
    with pytest.raises(BadInput, match="There is nothing at"):
        list(pictures_in(tmp_path / "none"))


def test_lists_generators_and_patterns_of_paths_are_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "1.jpg", "2.jpg", "3.JPG", "below/4.jpg")
    both = ["1.jpg", "2.jpg"]
    files = [tmp_path / name for name in both]
    assert ids(open_sources(files)) == ids(open_sources([files])) == ids(open_sources(tuple(map(str, files)))) == both
    assert ids(open_sources(iter(files))) == ids(open_sources(tmp_path.glob("[12].jpg"))) == both
    assert ids(open_sources(str(tmp_path / "*.jpg"))) == both
    assert ids(open_sources(str(tmp_path / "**" / "*.jpg"))) == [*both, "4.jpg"]
    monkeypatch.chdir(tmp_path)
    assert ids(open_sources(["?.jpg"])) == both
    write(tmp_path, "[5].jpg")
    assert ids(open_sources("[5].jpg")) == ["[5].jpg"], "a name that looks like a pattern is a name first"
    with pytest.raises(BadInput, match=r"No file matches \*\.png\. Check the pattern"):
        open_sources("*.png")


@pytest.mark.parametrize("nothing", [[], (), [[]], iter(())])
def test_passing_nothing_is_refused(nothing: object) -> None:
    with pytest.raises(BadInput, match="No photos were passed"):
        open_sources(nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 3, b"photo.jpg", [None], [Path(__file__).parent, 3]])
def test_what_is_not_a_source_is_refused_by_its_type(wrong: object) -> None:
    with pytest.raises(BadInput, match="(NoneType|int|bytes) is not a source of photos. Pass a folder"):
        open_sources(wrong)  # type: ignore[arg-type]


def test_a_missing_path_in_a_list_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    with pytest.raises(BadInput, match=r"There is nothing at .*2\.jpg\. Did you mean .*1\.jpg\?") as error:
        open_sources([tmp_path / "1.jpg", tmp_path / "2.jpg"])
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="There is nothing at '~nobody-here/x'"):
        open_sources("~nobody-here/x")


def test_open_files_stand_for_their_paths(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    (tmp_path / "m.csv").write_text("file,lat,lon\n1.jpg,1,2\n")
    with (tmp_path / "1.jpg").open("rb") as photo, (tmp_path / "m.csv").open() as manifest:
        assert ids(open_sources([photo])) == ["1.jpg"]
        assert ids(open_sources([manifest])) == ["1.jpg"]
    import io

    with pytest.raises(BadInput, match="BytesIO  ?is an open file without a path.*save the photo first"):
        open_sources(io.BytesIO(with_exif(GPS)))


def test_streams_of_photos_are_lazy_and_may_be_mixed_with_paths(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    read = []

    def stream() -> Iterator[Photo]:
        for n in range(9):
            read.append(n)
            yield Photo(str(n), "x.jpg", Position(1, 2))

    source = open_sources([tmp_path / "1.jpg", stream(), [Photo("last", "x.jpg", Position(1, 2))]])
    assert len(read) == 1, "only the first is looked at, to see what it is"
    assert ids(source) == ["1.jpg", *map(str, range(9)), "last"]
    folder = open_source(tmp_path)
    assert open_sources([folder]) is folder
    wrong = open_sources(iter([Photo("a", "x.jpg", Position(1, 2)), 3]))  # type: ignore[list-item]
    with pytest.raises(BadInput, match="A source yielded int '3'. Yield Photo, Skipped or paths."):
        list(wrong)


def test_one_folder_by_two_spellings_is_one_where_case_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links simulate a disk on which photos/ and Photos/ are the same folder: only one of them is listed."""
    write(tmp_path, "Photos/1.jpg", "other/1.jpg")
    if not (tmp_path / "photos").exists():
        spellings = ("photos", "PHOTOS", "pHOTOS")
        for spelling in spellings:
            (tmp_path / spelling).symlink_to(tmp_path / "Photos", target_is_directory=True)
        original = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda path: (f for f in original(path) if f.name not in spellings))
    assert paths.spelled_as_on_disk(tmp_path / "photos") == tmp_path / "Photos"
    assert ids(open_sources([tmp_path / "Photos", tmp_path / "photos"])) == ["1.jpg"]
    assert ids(open_sources([tmp_path / "photos", tmp_path / "other"])) == ["Photos/1.jpg", "other/1.jpg"]


def test_two_names_of_one_file_stay_two_photos(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    try:
        os.link(tmp_path / "1.jpg", tmp_path / "2.jpg")
    except OSError:
        shutil.copy(tmp_path / "1.jpg", tmp_path / "2.jpg")
    assert ids(open_sources([tmp_path / "1.jpg", tmp_path / "2.jpg", tmp_path / "1.jpg"])) == ["1.jpg", "2.jpg"]


# Datasets whose names hold metres and no zone


def test_names_with_only_metres_are_compared_in_their_plane_but_not_mapped(tmp_path: Path) -> None:
    for n in range(4):
        write(tmp_path, f"database/@{385000 + 100 * n}.00@6672000.00@a{n}@.jpg", data=saved(scene()))
        write(tmp_path, f"queries/@{385003 + 100 * n}.00@6672002.00@b{n}@.jpg", data=saved(scene()))
    write(tmp_path, "database/cover.jpg", data=saved(scene()))
    for found in (
        datasets.pair(tmp_path / "database", tmp_path / "queries"),
        datasets.open("eynsham", tmp_path),
    ):
        assert [list(rows) for rows in found.positives] == [[0], [1], [2], [3]]
        assert [item.id for item in found.skipped] == ["cover.jpg"]
        assert any("metres without a UTM zone" in note for note in found.notes)
    near = datasets.pair(tmp_path / "database", tmp_path / "queries", radius_m=3.6)
    assert not near.answerable.any(), "3.606 m away"
    assert all(isinstance(item, Skipped) for item in open_source(tmp_path / "database"))
