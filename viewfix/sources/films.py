"""Films as sources: a frame every few metres, each a photo with the position of the camera at its time."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ..errors import BadInput, UnreadablePhoto
from ..photos.film import EAC, Film, Frame
from ..photos.recent_frames import RECENT as RECENT_FRAMES
from ..photos.sphere import is_whole_sphere
from ..telemetry import Track, film_track
from ..telemetry.clock import ClockOptions, film_begins
from ..telemetry.read import FilmTrack
from ..types import Camera, Photo, Skipped, View
from .film_motion import film_motion
from .options import SPACING_M, SourceOptions
from .panorama_views import question, views_of_panorama
from .source import Notes

BLURRED = 0.5
"""A frame is blurred if its sharpness is below this share of the median of the frames before it."""

RECENT = 15
SLACK_SHARE = 0.25
"""A frame may be taken this share of the spacing earlier or later: one that can be decoded alone, or is sharper."""

MOST_SLACK_S = 0.5
NO_TRACK = (
    "it has no positions: neither GPMF, CAMM, BlackVue or phone metadata in it, nor an .SRT file beside it. Record a "
    "GPX track, and pass it with --gpx TRACK.gpx"
)


@dataclass(frozen=True)
class FilmSource:
    """The frames of one film. The id of a frame is the name of the film with its time, such as "film.mp4#t=12.5".

    A 360-degree film gives several photos for each frame, as a panorama does.
    """

    path: Path
    options: SourceOptions
    track: Track | None = None
    notes: Notes = field(default_factory=Notes, compare=False)

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def count(self) -> int | None:
        """How many frames there will be is not known before the track is read."""
        return None

    def __iter__(self) -> Iterator[Photo | Skipped]:
        self.notes.clear()
        if self.path.suffix.lower() == EAC:
            reason = "it is in GoPro's own 360-degree format. Export it as an equirectangular MP4 with the GoPro app"
            yield Skipped(self.path.name, f"{reason}.")
            return
        try:
            with Film(self.path, in_order=True) as film:
                yield from self._photos(film, film_track(self.path))
        except UnreadablePhoto as error:
            yield Skipped(self.path.name, str(error))
        except OSError as error:
            yield Skipped(self.path.name, f"it could not be read ({error.strerror}). Check the path and the disk.")

    def _photos(self, film: Film, about: FilmTrack) -> Iterator[Photo | Skipped]:
        is_panorama = about.is_spherical or self.options.panorama == "yes"
        if self.options.panorama == "no" or not is_whole_sphere(*film.size_px):
            is_panorama = False
        elif not is_panorama:
            yield Skipped(self.path.name, question(*film.size_px))
            return
        try:
            track, shift_s = self._track(about, film)
        except BadInput as error:
            yield Skipped(self.path.name, str(error))
            return
        if track is None:
            yield Skipped(self.path.name, NO_TRACK)
            return
        taken = False
        for photo in self._frames(film, track, shift_s, about):
            taken = True
            yield from views_of_panorama(photo, count=self.options.views) if is_panorama else [photo]
        if not taken:
            yield Skipped(self.path.name, self._nowhere(track, shift_s, film.duration_s))

    def _track(self, about: FilmTrack, film: Film) -> tuple[Track | None, float]:
        """The track to use, and the time on its clock at which the film begins."""
        if self.track is None:
            if about.is_one_position:
                self.notes.add(
                    f"{self.path.name}: a phone wrote only the position of its beginning, so one frame is used. For "
                    "more, record a GPX track and pass it with --gpx TRACK.gpx"
                )
            return about.track, 0.0
        clock = ClockOptions(self.options.clock_offset_s, self.options.camera_zone)
        found = film_begins(self.path.name, about, film.duration_s, self.track, clock, lambda: film_motion(film))
        if found.note is not None:
            self.notes.add(found.note)
        return self.track, found.begins_s

    def _frames(self, film: Film, track: Track, shift_s: float, about: FilmTrack) -> Iterator[Photo]:
        spacing_m = SPACING_M if self.options.spacing_m is None else self.options.spacing_m
        length_s = film.duration_s or track.ends_s - shift_s
        stations = track.stations(spacing_m, shift_s, shift_s + length_s)
        recent: deque[float] = deque(maxlen=RECENT)
        last_s = -1.0
        for number, station_s in enumerate(stations):
            wanted_s = station_s - shift_s
            around = [abs(stations[n] - station_s) for n in (number - 1, number + 1) if 0 <= n < len(stations)]
            slack_s = min([MOST_SLACK_S, *(SLACK_SHARE * gap_s for gap_s in around)])
            frame = _sharp(film, wanted_s, slack_s, recent)
            if frame is None:
                self.notes.add(f"{self.path.name}: no frame could be read at {wanted_s:.1f} s; the film may be cut off")
                if wanted_s > last_s + 10.0 and last_s >= 0:
                    return
                continue
            fixed = track.at(frame.time_s + shift_s)
            if fixed is None or frame.time_s <= last_s:
                continue
            last_s = frame.time_s
            RECENT_FRAMES.add(str(self.path), frame.time_s, frame, frame.size_bytes)
            taken_at = track.moment(frame.time_s + shift_s)
            if taken_at is None and about.created_at is not None:
                taken_at = about.created_at + timedelta(seconds=frame.time_s)
            yield Photo(
                id=f"{self.path.name}#t={f'{frame.time_s:.3f}'.rstrip('0').rstrip('.')}",
                source=str(self.path),
                position=fixed.position,
                heading_deg=fixed.heading_deg,
                taken_at=None
                if taken_at is None
                else taken_at.replace(microsecond=taken_at.microsecond // 1000 * 1000),
                view=View(time_s=frame.time_s),
                camera=None if fixed.altitude_m is None else Camera(altitude_m=round(fixed.altitude_m, 2)),
            )
        self._note_what_is_missing(track, shift_s, length_s)

    def _note_what_is_missing(self, track: Track, shift_s: float, length_s: float) -> None:
        begins_s, ends_s = max(0.0, track.begins_s - shift_s), min(length_s, track.ends_s - shift_s)
        if begins_s > 2.0 or length_s - ends_s > 2.0:
            self.notes.add(
                f"{self.path.name}: its {track.source} has positions from {begins_s:.0f} to {ends_s:.0f} s of "
                f"{length_s:.0f} s; the rest of the film is not used"
            )

    def _nowhere(self, track: Track, shift_s: float, duration_s: float) -> str:
        begins_s, ends_s = track.begins_s - shift_s, track.ends_s - shift_s
        if ends_s < 0 or begins_s > duration_s:
            return (
                f"the {track.source} has no position during the film: it runs from {begins_s:.0f} to {ends_s:.0f} s of "
                f"its {duration_s:.0f} s. Pass the right track, or set --clock-offset SECONDS"
            )
        return "no frame could be read where it has a position: it is damaged, or was cut off. Copy it again"


def _sharp(film: Film, wanted_s: float, slack_s: float, recent: deque[float]) -> Frame | None:
    """A frame at this time, or a neighbour that can be decoded alone; if it is blurred, a sharper one after it."""
    key_s = film.keyframe_near(wanted_s, slack_s)
    best = film.at(wanted_s if key_s is None else key_s)
    if best is None:
        return None
    sharpness = best.sharpness()
    least = BLURRED * statistics.median(recent) if recent else 0.0
    best_sharpness = sharpness
    while best_sharpness < least:
        other = film.following()
        if other is None or other.time_s > wanted_s + slack_s:
            break
        sharpness = other.sharpness()
        if sharpness > best_sharpness:
            best, best_sharpness = other, sharpness
    recent.append(best_sharpness)
    return best
