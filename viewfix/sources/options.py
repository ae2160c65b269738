"""Options for reading sources that hold more than one picture a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import BadInput

PanoramaMode = Literal["ask", "yes", "no"]
"""Whether pictures are panoramas: told by their metadata ("ask"), all those of the right shape ("yes"), or none."""

VIEWS = 8
"""The default number of views that are cut out of a panorama; see docs/panoramas.md for what others achieve."""

MOST_VIEWS = 72


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read panoramas.

    `panorama` says which pictures are panoramas: "ask" for those whose metadata (GPano) says so, and a question where
    only the shape does; "yes" for all pictures twice as wide as high; "no" for none. `views` is the number of views of
    90 degrees to cut out of each, all around.

    Raises:
        BadInput: a value is out of range.
    """

    panorama: PanoramaMode = "ask"
    views: int = VIEWS

    def __post_init__(self) -> None:
        if self.panorama not in get_args(PanoramaMode):
            raise BadInput(f'panorama is {self.panorama!r}. Pass "ask", "yes" or "no".')
        if isinstance(self.views, bool) or not isinstance(self.views, int) or not 1 <= self.views <= MOST_VIEWS:
            raise BadInput(f"views must be a whole number from 1 to {MOST_VIEWS}; got {self.views!r}.")


USUAL_OPTIONS = SourceOptions()
