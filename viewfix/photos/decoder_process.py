"""The program of a decoder process, which reads pictures from standard input and writes pixels to standard output.

`decoder_pool` starts it, discards its standard error, and kills it if a picture takes too long. On Linux its memory is
limited too, so a picture that needs too much memory cannot harm another process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import IO, Any

from PIL import Image

from .decode import decode
from .decoder_pool import FAILED, LAST, REQUEST, STRIP

GRACE_S = 5.0
"""The process ends itself this many seconds after the time limit, in case the process that started it is gone."""

SLACK_BYTES = 512_000_000
"""The memory allowed in addition to the pixels: libraries, thread stacks, and memory reserved by allocators."""


def main() -> None:
    """Decode pictures until standard input ends."""
    for each in (signal.SIGINT, signal.SIGTERM):  # the process that started this one decides when it ends
        signal.signal(each, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the size was checked before, and this is a separate program
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        while len(head := requests.read(REQUEST.size)) == REQUEST.size:
            request_bytes, data_bytes = REQUEST.unpack(head)
            request = json.loads(requests.read(request_bytes))
            faulthandler.dump_traceback_later(request["decode_s"] + GRACE_S, exit=True, file=nowhere)
            _limit_memory(request["memory_bytes"] + data_bytes)
            try:
                _answer(requests.read(data_bytes), request, replies)
            except BrokenPipeError:
                return
            faulthandler.cancel_dump_traceback_later()


def _answer(data: bytes, request: dict[str, Any], replies: IO[bytes]) -> None:
    try:
        decoded = decode(data, request["form"], request["least_side_px"])
        _send(replies, {"size": [decoded.width_px, decoded.height_px], "orientation": decoded.orientation})
        for strip in decoded.strips:
            replies.write(STRIP.pack(strip.nbytes))
            replies.write(strip.data if strip.flags.c_contiguous else strip.tobytes())
        replies.write(STRIP.pack(LAST))
    except BrokenPipeError:
        raise
    except Exception as error:  # hostile bytes can make a decoder raise anything
        replies.write(STRIP.pack(FAILED))
        _send(replies, {"reason": " ".join(str(error).split()) or type(error).__name__})
    replies.flush()


def _send(replies: IO[bytes], content: dict[str, Any]) -> None:
    text = json.dumps(content).encode()
    replies.write(STRIP.pack(len(text)))
    replies.write(text)


def _limit_memory(most_bytes: int) -> None:
    if sys.platform != "linux":  # other systems do not enforce this limit; only the time is limited there
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = used + most_bytes + SLACK_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
