"""Frames of films, decoded by FFmpeg (PyAV): only those that are wanted, whatever the length of the film."""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..errors import UnreadablePhoto
from ..optional import optional
from .content import unreadable_file
from .header import check_size

Pixels = npt.NDArray[np.uint8]

SUFFIXES = frozenset([".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm", ".3gp", ".mts", ".m2ts", ".ts", ".insv", ".360"])
"""Extensions of films."""

EAC = ".360"
"""GoPro's own format for 360-degree films, in which no frame is an equirectangular panorama."""

SHARPNESS_PX = 640
"""Frames are compared for blur at this width: in less, the blur of motion disappears."""

MOTION_PX = 160
"""Frames are compared for motion at this width, in which the noise of a sensor disappears."""

AVERAGED = "AREA"
"""How FFmpeg shrinks: each pixel is the mean of those under it. It takes half the time of its default."""

IDENTITY_BYTES = 1 << 20
FIRST_ENTRIES = 64


class Frame:
    """One decoded frame. `time_s` is in seconds from the beginning of the film."""

    def __init__(self, decoded: Any, time_s: float) -> None:
        self._decoded, self.time_s = decoded, time_s

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return sum(plane.buffer_size for plane in self._decoded.planes)

    def pixels(self, least_side_px: int | None = None) -> Pixels:
        """(H, W, 3) uint8 RGB, upright.

        Args:
            least_side_px: the shorter side need not be longer than this: a smaller picture is faster to convert and to
                describe. None for the full resolution.
        """
        width_px, height_px = self._decoded.width, self._decoded.height
        scale = 1.0 if least_side_px is None else min(1.0, least_side_px / min(width_px, height_px))
        frame = self._decoded
        if scale < 1.0:
            size = {"width": math.ceil(width_px * scale), "height": math.ceil(height_px * scale)}
            frame = frame.reformat(**size, format="rgb24", interpolation=AVERAGED)
        rgb: Pixels = frame.to_ndarray(format="rgb24")
        turns = round((getattr(self._decoded, "rotation", 0) or 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb

    def grey(self, longest_px: int = MOTION_PX) -> npt.NDArray[np.float32]:
        """(H, W) float32, 0 to 255: the picture in grey, shrunk to this length of its longer side, as stored."""
        width, height = self._decoded.width, self._decoded.height
        scale = min(1.0, longest_px / max(width, height))
        size = {"width": max(2, int(width * scale) // 2 * 2), "height": max(2, int(height * scale) // 2 * 2)}
        small = self._decoded.reformat(**size, format="gray", interpolation=AVERAGED).to_ndarray()
        return np.asarray(small, np.float32)

    def sharpness(self) -> float:
        """The variance of the Laplacian of the grey picture: small where it is blurred, or shows little."""
        grey = self.grey(SHARPNESS_PX)
        edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
        return float(edges.var())


class Film:
    """An open film: its size, its length, and its frames by time.

    Args:
        path: its file.
        in_order: many frames will be read, one after the other; decode them on all cores, some ahead.

    Raises:
        UnreadablePhoto: it cannot be read, has no pictures, or its codec is not available.
        MissingExtra: the package av is not installed.
    """

    def __init__(self, path: str | Path, *, in_order: bool = False) -> None:
        self.path = Path(path)
        av = optional("av")
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, EOFError, ValueError, IndexError)
        try:
            with self.path.open("rb"):  # for a clear reason if it is missing
                pass
            self._container = av.open(str(self.path))
        except OSError as error:  # FFmpeg's own errors are OSErrors too
            if not isinstance(error, av.FFmpegError):
                raise unreadable_file(self.path, error) from error
            raise self._unusable(error) from error
        except self._errors as error:
            raise self._unusable(error) from error
        try:
            self._stream = self._checked_stream()
        except BaseException:
            self._container.close()
            raise
        # Threads decode frames ahead, which is wasted where only a single frame is wanted.
        self._stream.thread_type = "AUTO" if in_order else "NONE"
        self._begins = self._stream.start_time or 0
        self._base: Fraction = self._stream.time_base
        # The index has the times at which frames are decoded, which is before they are shown if some are shown earlier.
        entries = itertools.islice(getattr(self._stream, "index_entries", None) or (), FIRST_ENTRIES)
        self._lead = max(0, self._begins - min((entry.timestamp for entry in entries), default=self._begins))
        self._decoding: Iterator[Frame] | None = None
        self._reached_s = -1.0

    def _checked_stream(self) -> Any:
        videos = [stream for stream in self._container.streams.video if not _is_cover(stream)]
        if not videos:
            raise UnreadablePhoto(f"{self.path} contains no moving pictures. Use a film.")
        stream = max(videos, key=lambda each: (each.codec_context is not None and each.codec_context.width) or 0)
        context = stream.codec_context
        if context is None:
            raise UnreadablePhoto(
                f"{self.path} has pictures in a format for which there is no decoder here. Convert it to H.264, for "
                "example: ffmpeg -i FILM -map_metadata 0 -map 0 -c copy -c:v libx264 NEW.mp4"
            )
        check_size((context.width, context.height), str(self.path))
        if not context.width or not stream.time_base:
            raise UnreadablePhoto(
                f"{self.path} does not say how large its pictures are. Copy it again from its origin."
            )
        return stream

    def _unusable(self, error: Exception) -> UnreadablePhoto:
        why = " ".join(str(error).split())[:120]
        return UnreadablePhoto(
            f"{self.path} could not be opened as a film ({why}). If its recording was cut off, it lacks its index: "
            "repair it with the program of the camera, or copy it again"
        )

    @functools.cached_property
    def _keys_s(self) -> list[float]:
        """The times of the frames that can be decoded alone, as far as the index of the file knows them."""
        entries = getattr(self._stream, "index_entries", None) or ()
        return sorted(self._seconds(each.timestamp + self._lead) for each in entries if each.is_keyframe)

    @property
    def duration_s(self) -> float:
        """The length by the index; 0 if it is not known."""
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        return float(self._container.duration or 0) / 1e6

    @property
    def frame_s(self) -> float:
        """The time between two frames."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return 1 / float(rate) if rate else 0.04

    @property
    def size_px(self) -> tuple[int, int]:
        """The width and height of the frames as stored."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    def frames(self, times_s: Sequence[float]) -> Iterator[Frame | None]:
        """The frame at each of these times, which should ascend; None after the end, and where it is damaged."""
        for time_s in times_s:
            yield self.at(time_s)

    def at(self, time_s: float) -> Frame | None:
        """The frame that is shown at a time; None after the end of the film, and where it is damaged."""
        wanted_s = time_s - self.frame_s / 2
        if self._decoding is None or wanted_s <= self._reached_s or self._key_before(time_s) > self._reached_s + 1e-6:
            found = self._after_seek(time_s, wanted_s)
            if found is None or found.time_s <= time_s + self.frame_s:
                return found
            # Some containers seek by the time of decoding, which is earlier than that of showing: begin farther ahead.
            return self._after_seek(time_s, wanted_s, earlier=self._lead + round(1 / self._base))
        return next((frame for frame in self._following() if frame.time_s >= wanted_s), None)

    def following(self) -> Frame | None:
        """The frame after the one that was returned last; None at the end."""
        return next(self._following(), None)

    def keyframe_near(self, time_s: float, within_s: float) -> float | None:
        """The time of the nearest frame that can be decoded alone; None if there is none so near."""
        at = bisect.bisect_left(self._keys_s, time_s)
        near = sorted(self._keys_s[max(0, at - 1) : at + 1], key=lambda key_s: abs(key_s - time_s))
        return near[0] if near and abs(near[0] - time_s) <= within_s else None

    def _key_before(self, time_s: float) -> float:
        at = bisect.bisect_right(self._keys_s, time_s + self.frame_s / 2)
        return self._keys_s[at - 1] if at else -1.0

    def _after_seek(self, time_s: float, wanted_s: float, *, earlier: int = 0) -> Frame | None:
        target = self._begins + max(0, int((time_s + self.frame_s / 4) / self._base) - earlier)
        with contextlib.suppress(*self._errors):  # then decoding goes on from where it was, or finds nothing
            self._container.seek(target, stream=self._stream, backward=True)
        self._reached_s = -1.0
        self._decoding = self._decoded(wanted_s)
        return next((frame for frame in self._following() if frame.time_s >= wanted_s), None)

    def _following(self) -> Iterator[Frame]:
        while self._decoding is not None:
            frame = next(self._decoding, None)
            if frame is None:
                self._decoding = None
                return
            self._reached_s = frame.time_s
            yield frame

    def _decoded(self, wanted_s: float) -> Iterator[Frame]:
        """Frames from here on. Before `wanted_s`, those on which no other frame depends are left out: it saves time."""
        context = self._stream.codec_context
        try:
            for packet in self._container.demux(self._stream):
                before = packet.pts is not None and self._seconds(packet.pts) < wanted_s
                context.skip_frame = "NONREF" if before else "DEFAULT"
                try:
                    decoded = packet.decode()
                except self._errors:
                    continue  # a damaged frame costs only itself
                for frame in decoded:
                    if frame.pts is not None and not frame.is_corrupt:
                        yield Frame(frame, self._seconds(frame.pts))
        except self._errors:
            return

    def _seconds(self, stamp: int) -> float:
        return round(float((stamp - self._begins) * self._base), 6)

    def close(self) -> None:
        self._decoding = None
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def is_film(name: str | Path) -> bool:
    """Whether a file is a film, by its extension."""
    return Path(name).suffix.lower() in SUFFIXES


def film_identity(path: str | Path) -> bytes:
    """What stands for the content of a film, which is too long to be read for every frame: its size and both ends.

    One end has the index, with the size of every frame.

    Raises:
        UnreadablePhoto: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(IDENTITY_BYTES)
            file.seek(max(0, size - IDENTITY_BYTES))
            return b"film" + size.to_bytes(8, "big") + head + file.read(IDENTITY_BYTES)
    except OSError as error:
        raise unreadable_file(Path(path), error) from error


def _is_cover(stream: Any) -> bool:
    """Whether a stream is a single picture, such as the cover of an album."""
    disposition = getattr(stream, "disposition", None)
    return bool(disposition) and "attached_pic" in str(disposition)
