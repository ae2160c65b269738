"""Everything that an operator can set about the service, with its defaults; refused at once where it makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..embed.describe import cores
from ..errors import BadInput
from ..locate.options import Verify
from ..photos.licences import Thumbnails
from .keys import Keys


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service behaves.

    `workers` photos are worked on at a time, `waiting` more wait, and whoever comes then is told to come again (429).
    A photo has at most `most_bytes` and `most_pixels`; all uploads being received hold at most `most_buffered_bytes`.
    `keys`: who may read and write; None lets everybody read. `write` allows photos to be added, into `photos_folder`,
    and removed. `keep_queries`: a folder where every query is stored, which its senders must be told.
    """

    workers: int = field(default_factory=cores)
    waiting: int = 64
    most_bytes: int = 25_000_000
    most_pixels: int = 64_000_000
    most_photos: int = 32
    most_buffered_bytes: int = 400_000_000
    upload_s: float = 20.0
    answer_s: float = 60.0
    drain_s: float = 0.5
    verify: Verify = "fast"
    budget_ms: float | None = None
    keys: Keys | None = None
    per_minute: int | None = None
    thumbnails: Thumbnails = "licensed"
    write: bool = False
    photos_folder: Path | None = None
    keep_queries: Path | None = None
    cors: tuple[str, ...] = ()
    basemap: Mapping[str, Any] | None = None
    basemap_file: Path | None = None
    root_path: str = ""

    def __post_init__(self) -> None:
        for name in ("workers", "waiting", "most_bytes", "most_pixels", "most_photos", "most_buffered_bytes"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, but it is a number of things. Give 1 or more.")
        for name in ("upload_s", "answer_s"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} is {getattr(self, name)}, but it is a time. Give more than 0 seconds.")
        if self.per_minute is not None and self.per_minute < 1:
            raise BadInput(f"per_minute is {self.per_minute}, but it is a number of requests. Give 1 or more.")
        if self.write and self.photos_folder is None:
            raise BadInput("Photos can be added only if there is a folder to keep them in. Name one: --photos-folder.")
        if self.write and self.keys is None:
            raise BadInput("Whoever may write needs a key. Make one: viewfix serve-key NAME --write --keys keys.toml")
        for folder in (self.photos_folder, self.keep_queries):
            if folder is not None and not folder.is_dir():
                raise BadInput(f"There is no folder {folder}. Make it first: mkdir -p {folder}")
