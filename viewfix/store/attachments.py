"""What a map stores beside its photos and their descriptors: points of interest, roads, a base map."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .basemap_file import BasemapFile
from .points import Points
from .roads import Roads


class Attachments(ABC):
    """The part of a store that reaches what is stored beside the photos."""

    @property
    @abstractmethod
    def points(self) -> Points:
        """The points of interest of this map."""

    @property
    @abstractmethod
    def roads(self) -> Roads:
        """The roads of this map."""

    @property
    @abstractmethod
    def basemap_file(self) -> BasemapFile:
        """The file of the base map of this map."""
