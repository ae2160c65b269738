"""Keep a map up to date with a folder: add, replace and, if asked, remove photos as its files change."""

from __future__ import annotations

from .watch import FolderChange, WatchOptions, watch

__all__ = ["FolderChange", "WatchOptions", "watch"]
