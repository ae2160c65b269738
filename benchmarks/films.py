"""Films: how much faster than real time a film becomes a map, its memory, and how far frames are from the telemetry.

    python benchmarks/films.py [--minutes 10] [--speed 1.4 --speed 8] [--group 30] [--calibrate] [--keep FILM.mp4]

Makes a film of 1920 x 1080 pixels at 30 frames a second with a GPX track beside it, and builds a map from it with a
frame every 5 m, in a process of its own. The picture is a wall of blocks of all sizes that passes by. `--group` is the
number of frames from one that can be decoded alone to the next: 15 to 30 in most cameras.

The wall is the same every ten seconds, so that each frame looks like one of every other round. Calibration, which
verifies the photos that are in doubt, then takes the longest that it ever takes: some minutes, as for any map of more
than 450 photos. So it is measured only with `--calibrate`.

Times real time are counted in two ways: by the clock, and by the processor time of two cores that have nothing else to
do and share the work evenly. The first is lower on a machine that other programs use.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from viewfix import Map, SourceOptions
from viewfix.geo import Plane, distance_m
from viewfix.models import catalogue
from viewfix.store.open import open_or_create
from viewfix.store.store import ModelIdentity
from viewfix.telemetry import read_gpx
from viewfix.types import Position

WIDTH_PX, HEIGHT_PX, RATE = 1920, 1080, 30
PIECE_FRAMES = 300
START = Position(60.17, 24.94)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def make_film(file: Path, seconds: int, group: int) -> None:
    """A camera that passes a wall: blocks of all sizes, with fine noise."""
    random = np.random.default_rng(0)
    strip = np.zeros((HEIGHT_PX, 2 * WIDTH_PX, 3), np.float32)
    for cell in (8, 24, 72, 216):
        blocks = random.integers(0, 256, (HEIGHT_PX // cell + 1, 2 * WIDTH_PX // cell + 1, 3)).astype(np.uint8)
        strip += np.asarray(Image.fromarray(blocks).resize((2 * WIDTH_PX, HEIGHT_PX), Image.Resampling.NEAREST))
    wall = (strip / 4).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        piece = Path(folder) / "piece.mp4"
        _encode(piece, wall, PIECE_FRAMES, group)
        _repeat(piece, file, seconds * RATE // PIECE_FRAMES)


def _encode(file: Path, wall: npt.NDArray[np.uint8], frames: int, group: int) -> None:
    with av.open(str(file), "w", format="mp4") as container:
        options = {"preset": "veryfast", "crf": "26", "bf": "2", "x264-params": "open-gop=0:scenecut=0"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH_PX, HEIGHT_PX, "yuv420p", group
        for number in range(frames):
            left = number * 4 % WIDTH_PX
            picture = np.ascontiguousarray(wall[:, left : left + WIDTH_PX])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _repeat(piece: Path, file: Path, times: int) -> None:
    """Write a film of the same packets again and again, which takes seconds where encoding takes minutes."""
    with av.open(str(file), "w", format="mp4") as target:
        target.metadata["creation_time"] = NOON.isoformat()
        stream, begins = None, 0
        for _ in range(times):
            with av.open(str(piece)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(video)
                assert video.time_base is not None
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + begins, packet.dts + begins, stream
                    target.mux(packet)
                begins += round(PIECE_FRAMES / RATE / video.time_base)


def make_track(file: Path, seconds: int, speed_mps: float) -> None:
    """A walk around blocks of 200 m, a position a second, each with a tenth of a metre of noise."""
    plane, random = Plane(START), np.random.default_rng(1)
    lines = []
    for second in range(seconds + 1):
        along = speed_mps * second % 800
        side, rest = int(along // 200), along % 200
        x, y = [(rest, 0), (200, rest), (200 - rest, 200), (0, 200 - rest)][side]
        at = plane.to_position(x + random.normal(0, 0.1), y + random.normal(0, 0.1))
        stamp = f"{NOON + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"
        lines.append(f'<trkpt lat="{at.lat:.9f}" lon="{at.lon:.9f}"><time>{stamp}</time></trkpt>')
    file.write_text(f'<gpx version="1.1" creator="b"><trk><trkseg>{"".join(lines)}</trkseg></trk></gpx>')


def build(film: Path, track: Path, calibrate: bool) -> dict[str, float]:
    """Build the map here, and measure."""
    began = time.perf_counter()
    model = catalogue.named(catalogue.DEFAULT, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.map"
        writer, _ = open_or_create(path, ModelIdentity(model.name, model.fingerprint, model.dim))
        writer.close()
        with Map.open(path, model=model) as city:
            city.add(film, options=SourceOptions(gpx=track), calibrate=False)
            took_s, cpu_s = time.perf_counter() - began, time.process_time()
            photos = list(city.photos())
            if calibrate:
                city.add(photos[0])
            calibrated_s = time.process_time() - cpu_s
    truth = read_gpx(track)
    errors = []
    for photo in photos:
        assert photo.view is not None and photo.view.time_s is not None
        at = photo.view.time_s
        whole = [truth.points[n] for n in (int(at), min(int(at) + 1, len(truth.points) - 1))]
        share = at - int(at)
        lat = whole[0].lat * (1 - share) + whole[1].lat * share
        lon = whole[0].lon * (1 - share) + whole[1].lon * share
        errors.append(distance_m(photo.position, Position(lat, lon)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "frames": len(photos),
        "seconds": took_s,
        "cpu_s": cpu_s,
        "calibration_s": calibrated_s,
        "memory_mb": memory,
        "median_m": statistics.median(errors),
    }


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option(
    "--speed", "speeds", multiple=True, type=float, default=(1.4, 8.0), show_default=True, help="Metres a second."
)
@click.option("--group", default=30, show_default=True, help="Frames from one that can be decoded alone to the next.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the film here, or use it if it is there.")
@click.option("--calibrate", is_flag=True, help="Also measure the calibration of the map.")
@click.option("--worker", nargs=2, type=click.Path(path_type=Path), hidden=True)
def main(  # noqa: PLR0913  the options of one command
    minutes: float,
    speeds: tuple[float, ...],
    group: int,
    keep: Path | None,
    calibrate: bool,
    worker: tuple[Path, Path] | None,
) -> None:
    """Print the times real time, the peak memory, and the error of positions against the track."""
    if worker:
        click.echo(json.dumps(build(*worker, calibrate)))
        return
    seconds = round(60 * minutes)
    with tempfile.TemporaryDirectory() as folder:
        film = keep or Path(folder) / "film.mp4"
        if not film.exists():
            make_film(film, seconds, group)
        click.echo(f"{minutes:g} minutes of 1080p, {film.stat().st_size / 1e6:.0f} MB, decodable every {group} frames")
        for speed in speeds:
            track = Path(folder) / f"{speed}.gpx"
            make_track(track, seconds, speed)
            command = [sys.executable, __file__, "--worker", str(film), str(track)]
            command += ["--calibrate"] if calibrate else []
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(run.stdout.splitlines()[-1])
            click.echo(
                f"  {speed:4.1f} m/s: {found['frames']} frames in {found['seconds']:.1f} s, "
                f"{seconds / found['seconds']:.1f} times real time; {found['cpu_s']:.0f} s of processor time, "
                f"{2 * seconds / found['cpu_s']:.1f} times real time on two cores; "
                f"{found['memory_mb']:.0f} MB at most, "
                f"median error {found['median_m']:.2f} m"
                + (f"; calibration {found['calibration_s']:.0f} s of processor time" if calibrate else "")
            )


if __name__ == "__main__":
    main()
