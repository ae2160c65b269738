"""One running exiftool, which writes positions into pictures."""

from __future__ import annotations

import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from ..errors import BadInput, StorageFailed
from .tag import Tag

LEAST_VERSION = (12, 0)
"""Older ones cannot write HEIC, which iPhones make."""

TIMEOUT_S = 60.0
"""The longest time for one picture."""

STOP_S = 2.0
"""The longest time to wait for exiftool to stop by itself."""

CONFIG = Path(__file__).with_name("viewfix.ExifTool_config")
INSTALL = (
    "Install it (Debian and Ubuntu: apt install libimage-exiftool-perl; macOS: brew install exiftool; Windows: winget "
    "install OliverBetz.ExifTool), or write sidecars: leave out --write exif."
)


class ExifTool:
    """A running exiftool that takes one command after the other.

    Raises:
        BadInput: it is not installed, too old, or does not start.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        found = shutil.which("exiftool")
        if found is None:
            raise BadInput(f"--write exif needs exiftool, which was not found. {INSTALL}")
        _check_version(found)
        self._timeout_s, self._number = timeout_s, 0
        # The configuration has to be the first argument. Everything else comes by standard input, so that no name of a
        # file or place is ever part of a command line.
        command = [found, "-config", str(CONFIG), "-stay_open", "True", "-@", "-", "-common_args", "-charset", "utf8"]
        command += ["-charset", "filename=utf8"]
        pipe, merged = subprocess.PIPE, subprocess.STDOUT
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=merged, encoding="utf-8", errors="replace"
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True)
        self._reader.start()

    def write(self, picture: Path, tag: Tag) -> None:
        """Write a tag into a picture, in place. The path must not contain line ends.

        Raises:
            BadInput: exiftool refuses the picture; the message is a phrase with its reason.
            StorageFailed: exiftool does not answer any more.
        """
        said = self._run([*arguments(tag), "-overwrite_original", str(picture)])
        if not re.search(r"\b1 image files updated", said):
            why = next((line for line in said.splitlines() if line.startswith("Error")), said.strip() or "no answer")
            raise BadInput(f"exiftool cannot write it ({why.split(' - ')[0][:160]})")

    def _run(self, arguments: Sequence[str]) -> str:
        self._number += 1
        assert self._process.stdin is not None
        end = f"{{ready{self._number}}}"
        said: list[str] = []
        try:
            self._process.stdin.write("".join(f"{each}\n" for each in (*arguments, f"-execute{self._number}")))
            self._process.stdin.flush()
            while (line := self._lines.get(timeout=self._timeout_s)) is not None:
                if line.strip() == end:
                    return "".join(said)
                said.append(line)
        except (OSError, queue.Empty):
            pass
        self.close()
        raise StorageFailed(
            f"exiftool did not answer within {self._timeout_s:.0f} s, so it was stopped. What was written before "
            "stays; run the same command again to continue."
        )

    def close(self) -> None:
        """Stop exiftool."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write("-stay_open\nFalse\n")
            self._process.stdin.close()
            self._process.wait(STOP_S)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_S)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def arguments(tag: Tag) -> list[str]:
    """The arguments that write a tag: EXIF for every program, XMP for the names and the probability."""
    at = tag.position
    values = {
        "EXIF:GPSVersionID#": "2 3 0 0",
        "EXIF:GPSLatitude#": f"{abs(at.lat):.9f}",
        "EXIF:GPSLatitudeRef#": "S" if at.lat < 0 else "N",
        "EXIF:GPSLongitude#": f"{abs(at.lon):.9f}",
        "EXIF:GPSLongitudeRef#": "W" if at.lon < 0 else "E",
        "EXIF:GPSMapDatum": "WGS-84",
        "EXIF:GPSHPositioningError#": "" if at.radius_m is None else f"{at.radius_m:.2f}",
    }
    if tag.heading_deg is not None:
        values |= {"EXIF:GPSImgDirectionRef#": "T", "EXIF:GPSImgDirection#": f"{tag.heading_deg % 360:.2f}"}
    if tag.confidence is not None:
        values["XMP-viewfix:Probability"] = f"{tag.confidence:.4f}"
    if tag.by:
        values["XMP-viewfix:By"] = tag.by
    if tag.place:
        values["XMP-iptcExt:LocationCreatedLocationName"] = tag.place
    if tag.road:
        values["XMP-iptcExt:LocationCreatedSublocation"] = tag.road
    return [f"-{name}={value}" for name, value in values.items()]


def _check_version(command: str) -> None:
    try:
        said = subprocess.run([command, "-ver"], capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"{command} does not start ({error}). {INSTALL}") from None
    match = re.match(r"(\d+)\.(\d+)", said)
    if match is None:
        raise BadInput(f"{command} does not report its version: it printed {said[:40]!r}. {INSTALL}")
    if (int(match[1]), int(match[2])) < LEAST_VERSION:
        least = ".".join(f"{each:02d}" for each in LEAST_VERSION)
        raise BadInput(f"{command} is exiftool {match[0]}, but {least} or later is needed. {INSTALL}")


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)
