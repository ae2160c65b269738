"""LZMA compression for the files of a pack, if it saves enough.

With gzip, which browsers decompress themselves, the engine and the model are 2.5 MB larger (docs/phone.md). The app
includes 200 lines to decompress LZMA instead, once, when a pack is installed.
"""

from __future__ import annotations

import lzma

SUFFIX = ".lzma"
LEAST_SAVED = 0.1  # the least share of a file to save: less is not worth decompressing
LEAST_BYTES = 2_000

_TEXT = {"lc": 4, "lp": 0, "pb": 0}  # a byte depends on the byte before it: code, JSON, WebAssembly
_HALVES = {"lc": 0, "lp": 1, "pb": 1}  # float16: every other byte is of the same kind
_NUMBERS = {"lc": 0, "lp": 0, "pb": 0}
_MOSTLY_NUMBERS = {"lc": 1, "lp": 0, "pb": 0}  # with a table of names
_SETTINGS = {".onnx": _HALVES, "roads.bin": _MOSTLY_NUMBERS, ".bin": _NUMBERS}  # the first that fits


def compressed(name: str, content: bytes) -> bytes | None:
    """The content as an .lzma file, or None if that would save little."""
    if len(content) < LEAST_BYTES:
        return None
    settings = next((each for suffix, each in _SETTINGS.items() if name.endswith(suffix)), _TEXT)
    chain = [{"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 24, **settings}]
    packed = lzma.compress(content, format=lzma.FORMAT_ALONE, filters=chain)
    # Python writes "size unknown". A reader that knows the size can allocate at once, without looking for the end.
    packed = packed[:5] + len(content).to_bytes(8, "little") + packed[13:]
    return packed if len(packed) <= (1 - LEAST_SAVED) * len(content) else None
