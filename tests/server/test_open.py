"""viewfix open: one command from a map, or from a folder of photos, to the page."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from drawn import GPS, with_exif

from viewfix.cli import run


@contextmanager
def opened(cache: Path, *args: str) -> Iterator[tuple[str, list[str]]]:
    """The address of the page and the lines that were printed before it, while `viewfix open` runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewfix", "open", *args, "--no-browser", "--quiet"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(cache),
                                                "LOCALAPPDATA": str(cache)},
    )  # fmt: skip
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if found := re.search(r"(http://127\.0\.0\.1:\d+)\. Stop with Ctrl-C", line):
                yield found[1], lines
                return
        pytest.fail(f"it ended: {lines}")
    finally:
        if os.name == "posix":
            process.send_signal(signal.SIGTERM)
        else:
            process.kill()
        process.communicate(timeout=60)


def page(url: str, path: str) -> bytes:
    with urllib.request.urlopen(url + path, timeout=60) as answer:
        content: bytes = answer.read()
        return content


def test_a_folder_of_photos_becomes_a_page_and_follows_the_folder(tmp_path: Path) -> None:
    photos = tmp_path / "holiday"
    photos.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (photos / name).write_bytes(with_exif(GPS))
    with opened(tmp_path, str(photos)) as (url, lines):
        assert lines[-1].startswith("2 photos at ")
        assert b"<html" in page(url, "/")
        assert b'"holiday"' in page(url, "/v1/maps")
        assert page(url, "/v1/photos/a.jpg/thumbnail")  # one's own photos are shown, whatever their licence
    (photos / "a.jpg").unlink()
    (photos / "c.jpg").write_bytes(with_exif(GPS))
    with opened(tmp_path, str(photos)) as (_, lines):
        assert lines[0] == "1 added, 1 already there, 0 skipped"
        assert lines[-1].startswith("2 photos at ")


def test_a_folder_in_place_of_a_command_is_told_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(tmp_path)]) == 2
    assert f"To see these photos: viewfix open {tmp_path}" in capsys.readouterr().err


def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["open", str(tmp_path / "a.map")]) != 0
    assert "There is no map at" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(["open", str(tmp_path / "empty"), "-q"]) != 0
    assert "There are no photos" in capsys.readouterr().err
