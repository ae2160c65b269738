"""The track of a film, from whatever its camera wrote into it or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .blackvue import read_blackvue
from .camm import read_camm
from .gpmf import read_gpmf
from .mp4 import Movie, boxes, read_movie
from .phone import created_at, phone_position
from .srt import beside, read_srt
from .track import Track

MOST_BLACKVUE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class FilmTrack:
    """What a film says about itself: its track, and when it begins by the clock of its camera. None is unknown.

    `is_one_position` is set if the track is the single position that a phone wrote at the beginning. `is_spherical` is
    set if the film says that it is a 360-degree film.
    """

    track: Track | None
    created_at: datetime | None = None
    is_one_position: bool = False
    is_spherical: bool = False


def film_track(path: str | Path) -> FilmTrack:
    """Read the track of a film; the times of the track are seconds from the beginning of the film.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(path)
    movie = read_movie(path)
    subtitles = beside(path)
    if movie is None:
        return FilmTrack(None if subtitles is None else read_srt(subtitles))
    created, spherical = created_at(movie.index), _is_spherical(movie.index)
    for track in _tracks(path, movie, subtitles):
        if track is not None and len(track):
            return FilmTrack(track, created, is_spherical=spherical)
    point = phone_position(movie.index)
    if point is None:
        return FilmTrack(None, created, is_spherical=spherical)
    one = Track([point], started_at=created, source="the position of a phone")
    return FilmTrack(one, created, is_one_position=True, is_spherical=spherical)


def _tracks(path: Path, movie: Movie, subtitles: Path | None) -> Iterator[Track | None]:
    readers = {b"gpmd": read_gpmf, b"camm": read_camm}
    with path.open("rb") as file:
        for track in movie.tracks:
            if track.form in readers:
                yield readers[track.form](track.samples(file))
        for region in movie.top:
            if region.kind == b"free" and 8 < region.size <= MOST_BLACKVUE_BYTES:
                file.seek(region.start)
                content = file.read(region.size)
                yield from (read_blackvue(inner) for kind, inner in boxes(content) if kind == b"gps ")
    if subtitles is not None:
        yield read_srt(subtitles)


def _is_spherical(index: bytes) -> bool:
    """Whether a film has the marks of spherical video, of Google's first or second version, equirectangular."""
    first = b"GSpherical:Spherical" in index and b"equirectangular" in index
    return first or (b"sv3d" in index and b"equi" in index)
