"""LZMA for the files of a pack, where it saves enough.

With gzip, which browsers decompress by themselves, the engine and the model are 2.5 MB larger (docs/phone.md). The app
brings 200 lines that decompress LZMA instead, once, when a pack is installed.
"""

from __future__ import annotations

import lzma

SUFFIX = ".lzma"
LEAST_SAVED = 0.1  # of a file, to be worth decompressing
LEAST_BYTES = 2_000

_TEXT = {"lc": 4, "lp": 0, "pb": 0}  # a byte depends on the byte before it: code, JSON, WebAssembly
_HALVES = {"lc": 0, "lp": 1, "pb": 1}  # every other byte is of one kind: float16
_NUMBERS = {"lc": 0, "lp": 0, "pb": 0}
_SETTINGS = {".onnx": _HALVES, ".bin": _NUMBERS}


def compressed(name: str, content: bytes) -> bytes | None:
    """The content as an .lzma file, or None where it would save little."""
    if len(content) < LEAST_BYTES:
        return None
    settings = next((each for suffix, each in _SETTINGS.items() if name.endswith(suffix)), _TEXT)
    chain = [{"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 24, **settings}]
    packed = lzma.compress(content, format=lzma.FORMAT_ALONE, filters=chain)
    # Python writes "size not known"; a reader that knows it can allocate at once and need not look for an end.
    packed = packed[:5] + len(content).to_bytes(8, "little") + packed[13:]
    return packed if len(packed) <= (1 - LEAST_SAVED) * len(content) else None
