"""Watching a folder: files are read when they are complete, and a card that is taken out empties no map."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Toy, photos_of

from viewfix import Map
from viewfix.cli import run
from viewfix.errors import BadInput, MissingExtra
from viewfix.watch import FolderChange, WatchOptions, watch
from viewfix.watch import moments as moments_module
from viewfix.watch.settling import Settling
from viewfix.watch.snapshot import take

Step = Callable[[], object]


def reports_after(*steps: Step) -> Callable[[Path, threading.Event], Iterator[bool]]:
    """The reports of a system that does one step before each of them, and then stops the watch."""
    left = list(steps)

    def reports(root: Path, stop: threading.Event) -> Iterator[bool]:
        while left:
            left.pop(0)()
            yield True
        stop.set()

    return reports


def seen(city: Map, folder: Path, options: WatchOptions, *steps: Step) -> list[str]:
    options = replace(options, reports=reports_after(*steps))
    stop = threading.Event()
    timer = threading.Timer(60, stop.set)
    timer.start()
    try:
        return [str(change) for change in watch(city, folder, options, stop=stop)]
    finally:
        timer.cancel()


@pytest.fixture
def album(street: Path, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch):
    """A folder of two photos, its map, and photos that may be copied into it."""
    monkeypatch.setattr(moments_module, "TICK_S", 0.01)
    folder = tmp_path / "album"
    folder.mkdir()
    more = photos_of(street)
    for file in more[:2]:
        shutil.copy(file, folder)
    with Map.build(tmp_path / "album.map", folder, model=toy) as city:
        yield city, folder, more[2:]


NOW = WatchOptions(settle_s=0.0)


def nothing() -> None:
    pass


def test_many_new_photos_are_added_under_their_paths_and_a_second_look_changes_nothing(album) -> None:
    city, folder, more = album

    def copy() -> None:
        (folder / "walk").mkdir()
        for file in more[:5]:
            shutil.copy(file, folder / "walk")

    told = seen(city, folder, NOW, nothing, copy, nothing, nothing)
    assert told == [f"added walk/{file.name}" for file in more[:5]]
    assert len(city) == 7


def test_what_changed_while_nothing_watched_is_found(album) -> None:
    city, folder, more = album
    shutil.copy(more[0], folder)
    assert seen(city, folder, NOW, nothing, nothing) == [f"added {more[0].name}"]


def test_a_half_copied_photo_is_left_until_its_size_is_stable(album) -> None:
    city, folder, more = album
    whole, target = more[0].read_bytes(), folder / "new.jpg"
    assert seen(city, folder, WatchOptions(settle_s=0.2), nothing, lambda: target.write_bytes(whole[:100]),
                lambda: target.write_bytes(whole[:900]), lambda: target.write_bytes(whole),
                nothing, lambda: time.sleep(0.3), nothing) == ["added new.jpg"]  # fmt: skip


def test_an_empty_file_waits_and_a_damaged_one_is_named_once(album) -> None:
    city, folder, _ = album
    (folder / "empty.jpg").touch()
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    told = seen(city, folder, NOW, nothing, nothing, nothing)
    assert len(told) == 1 and told[0].startswith("skipped damaged.jpg: ")


def test_a_changed_photo_is_replaced_and_a_touched_one_is_not_told(album) -> None:
    city, folder, more = album
    first, second = photos_of(folder)
    told = seen(
        city, folder, NOW, nothing, lambda: shutil.copy(more[3], first), lambda: os.utime(second, (1, 1)), nothing
    )
    assert told == [f"replaced {first.name}"]


def test_a_corrected_sidecar_moves_its_photo(album) -> None:
    city, folder, _ = album
    first = photos_of(folder)[0]
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="50,30.0N" '
        'exif:GPSLongitude="30,30.0E"/></rdf:RDF></x:xmpmeta>'
    )
    told = seen(city, folder, NOW, nothing, lambda: Path(f"{first}.xmp").write_text(packet), nothing)
    assert told == [f"replaced {first.name}"]
    assert next(each for each in city.photos() if each.id == first.name).position.lat == pytest.approx(50.5)


def test_deleted_photos_stay_unless_removal_is_asked_for(album) -> None:
    city, folder, _ = album
    first = photos_of(folder)[0]
    assert seen(city, folder, NOW, nothing, first.unlink, nothing, nothing) == []
    assert len(city) == 2
    assert seen(city, folder, WatchOptions(remove=True, settle_s=0.0), nothing, nothing) == [f"removed {first.name}"]
    assert len(city) == 1


@pytest.mark.parametrize("leaves", ["nothing", "an empty mount point"])
def test_a_card_that_is_taken_out_empties_no_map_and_is_read_again_when_it_is_back(album, leaves: str) -> None:
    city, folder, more = album
    aside = folder.with_name("aside")

    def take_out() -> None:
        folder.rename(aside)
        if leaves == "an empty mount point":
            folder.mkdir()
        threading.Timer(0.2, put_back).start()

    def put_back() -> None:
        if leaves == "an empty mount point":
            folder.rmdir()
        shutil.copy(more[0], aside)
        aside.rename(folder)

    told = seen(city, folder, WatchOptions(remove=True, settle_s=0.0), nothing, take_out, lambda: time.sleep(0.4),
                nothing, nothing)  # fmt: skip
    assert [each.split()[0] for each in told] == ["away", "back", "added"]
    assert len(city) == 3


def test_a_folder_that_cannot_be_listed_loses_no_photo(tmp_path: Path) -> None:
    snapshot = replace(take(tmp_path), unlisted=("locked",))
    settling = Settling(0.0)
    assert settling.gone(snapshot, ["locked/a.jpg", "open/b.jpg"], 0.0) == ["open/b.jpg"]


def test_another_writer_is_waited_for(album, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfix.errors import MapBusy

    city, folder, more = album
    shutil.copy(more[0], folder)
    add, refused = Map.add, [MapBusy("Another process is writing the map."), MapBusy("still")]

    def busy(*args: object, **keywords: object) -> object:
        if refused:
            raise refused.pop(0)
        return add(*args, **keywords)

    monkeypatch.setattr(Map, "add", busy)
    told = seen(city, folder, NOW, nothing, nothing, nothing)
    assert [each.split()[0] for each in told] == ["busy", "added"]


def test_a_machine_that_slept_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 3600.0, 3601.0])
    monkeypatch.setattr(moments_module.time, "time", lambda: next(clock))
    stop = threading.Event()

    def quiet(root: Path, stop: threading.Event) -> Iterator[bool]:
        yield from [False] * 4
        stop.set()

    looks = list(moments_module.moments(tmp_path, stop, lambda: False, quiet))
    assert looks == [True, True], "at the start, and after the sleep"


def test_a_folder_that_is_not_there_and_a_time_without_sense_are_refused(album, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        watch(album[0], tmp_path / "nowhere")
    with pytest.raises(BadInput, match="settle_s must be from 0 to 3600"):
        WatchOptions(settle_s=-1)


def test_without_watchfiles_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtra, match=r"pip install 'viewfix\[watch\]'"):
        next(moments_module.system_reports(tmp_path, threading.Event()))


def test_a_disk_that_sends_no_reports_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchfiles = pytest.importorskip("watchfiles")
    monkeypatch.setattr(moments_module, "TICK_S", 0.001)

    def refuse(*_: object, **__: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", refuse)
    assert next(moments_module.system_reports(tmp_path, threading.Event())) is True


def test_a_change_is_one_line() -> None:
    assert str(FolderChange("skipped", "a.jpg", "it is damaged")) == "skipped a.jpg: it is damaged"


def test_the_command_reports_a_missing_folder_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["watch", str(tmp_path / "a.map"), str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_without_watchfiles_the_command_builds_nothing(
    street: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert run(["watch", str(tmp_path / "home.map"), str(street)]) == 4
    assert "pip install 'viewfix[watch]'" in capsys.readouterr().err
    assert not (tmp_path / "home.map").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_the_command_adds_a_photo_and_ends_cleanly_on_ctrl_c(street: Path, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    folder = tmp_path / "photos"
    folder.mkdir()
    files = photos_of(street)
    for file in files[:3]:
        shutil.copy(file, folder)
    command = [sys.executable, "-m", "viewfix", "watch", str(tmp_path / "new.map"), str(folder), "--settle", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert next(lines).startswith("3 added")
        assert "Watching" in next(lines)
        shutil.copy(files[3], folder)
        assert next(lines) == f"added {files[3].name}\n"
        process.send_signal(signal.SIGINT)
        assert "4 photos. Stopped watching." in next(lines)
        assert process.wait(30) == 0
