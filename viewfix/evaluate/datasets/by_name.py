"""Open a published dataset by the name of its protocol, in whichever of its layouts the folder has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import assert_never

from ...errors import BadInput
from ..protocol import DbStruct, FrameFolders, Layout, MslsTree, PairFolders, Protocol, TokyoStruct, UtmNames
from ..protocols import protocol
from . import dbstruct, frames, msls, pairs, places, tokyo, utm_names
from .dataset import Dataset


def open(name: str, folder: str | Path) -> Dataset:
    """Open a published dataset.

    Args:
        name: of a protocol in `viewfix.evaluate.protocols`, such as pitts30k.
        folder: where it was unpacked; docs/protocols.md lists the layouts.

    Raises:
        BadInput: there is no such protocol, or the folder does not contain it.
        MissingExtra: a .mat file needs scipy.
    """
    wanted = protocol(name)
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise BadInput(f"There is no folder at {root}. Choose the folder to which {wanted.name} was unpacked.")
    for layout in wanted.layouts:
        found = _loaded(layout, root, wanted)
        if found is not None:
            return replace(found, notes=(found.count_check(), *found.notes))
    expected = "; or ".join(str(layout) for layout in wanted.layouts)
    raise BadInput(f"{root} does not contain {wanted.name}. Expected: {expected}. Found: {places.listing(root)}.")


def _loaded(layout: Layout, root: Path, wanted: Protocol) -> Dataset | None:
    match layout:
        case UtmNames():
            return utm_names.load(layout, root, wanted)
        case DbStruct():
            return dbstruct.load(layout, root, wanted)
        case TokyoStruct():
            return tokyo.load(layout, root, wanted)
        case MslsTree():
            return msls.load(layout, root, wanted)
        case FrameFolders():
            return frames.load(layout, root, wanted)
        case PairFolders():
            return pairs.load(layout, root, wanted)
        case _:
            assert_never(layout)
