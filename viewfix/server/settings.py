"""Everything that an operator can set about the service, with its defaults. Impossible values are refused at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..embed.describe import cores
from ..errors import BadInput
from ..locate.options import QueryOptions, Verify
from ..photos.licences import Thumbnails
from .keys import Keys
from .proxies import TrustedProxies

_COUNTS = ("workers", "waiting", "most_bytes", "most_pixels", "most_decoded_bytes", "most_photos",
           "most_buffered_bytes", "connections_per_client")  # fmt: skip
_TIMES = ("live_idle_s", "upload_s", "decode_s", "answer_s", "grace_s", "probe_s", "statement_s")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service behaves.

    `workers` photos are worked on at a time and `waiting` more wait; the next request is refused (429). A photo has
    at most `most_bytes` and `most_pixels`. All uploads that are being received hold at most `most_buffered_bytes`, and
    all pictures that are being decoded take at most `most_decoded_bytes`; one that needs more is decoded alone. A
    picture that takes longer than `decode_s` to decode is given up.

    `keys`: who may read and write; None lets everybody read. `write` lets photos be added, into `photos_folder`, and
    removed. `keep_queries`: a folder where every query is stored; tell the people who send them.
    `blur`: what is blurred in small pictures: "faces", or .onnx files of your own.
    `grace_s`: how long accepted requests may take once the service is told to stop. `statement_s`: how long a database
    may take for one statement. `live_idle_s`: a connection for frames is closed after so long without one.
    `trusted_proxies`: whose X-Forwarded-For is believed.
    """

    workers: int = field(default_factory=cores)
    waiting: int = 64
    most_bytes: int = 25_000_000
    most_pixels: int = 64_000_000
    most_decoded_bytes: int = 1_000_000_000
    most_photos: int = 32
    most_buffered_bytes: int = 400_000_000
    connections_per_client: int = 128
    upload_s: float = 20.0
    decode_s: float = 10.0
    answer_s: float = 60.0
    drain_s: float = 0.5
    grace_s: float = 70.0
    probe_s: float = 2.0
    statement_s: float = 20.0
    live_idle_s: float = 60.0
    verify: Verify = QueryOptions().verify
    budget_ms: float | None = None
    keys: Keys | None = None
    per_minute: int | None = None
    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    thumbnails: Thumbnails = "licensed"
    blur: tuple[str, ...] = ()
    write: bool = False
    photos_folder: Path | None = None
    keep_queries: Path | None = None
    cors: tuple[str, ...] = ()
    basemap: Mapping[str, Any] | None = None
    basemap_file: Path | None = None
    root_path: str = ""
    state_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be 1 or more; got {getattr(self, name)}.")
        for name in _TIMES:
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be more than 0 seconds; got {getattr(self, name)}.")
        if self.per_minute is not None and self.per_minute < 1:
            raise BadInput(f"per_minute must be 1 or more requests; got {self.per_minute}.")
        if self.write and self.photos_folder is None:
            raise BadInput("Added photos need a folder to be kept in. Choose one with --photos-folder.")
        if self.write and self.keys is None:
            raise BadInput("Writing needs keys. Make one: viewfix serve-key NAME --write --keys keys.toml")
        for folder in (self.photos_folder, self.keep_queries):
            if folder is not None and not folder.is_dir():
                raise BadInput(f"There is no folder {folder}. Make it first: mkdir -p {folder}")
