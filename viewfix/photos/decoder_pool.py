"""A pool of decoder processes. Unlike a thread, a process that takes too long can be killed."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ..errors import ViewfixError
from .decode import Decoded, Pixels
from .formats import Form

REQUEST = struct.Struct(">IQ")
"""The header of a request: the length of its JSON, and the length of the picture that follows the JSON."""

STRIP = struct.Struct(">q")
"""The header of a strip: its length in bytes. LAST follows the last strip; FAILED precedes a JSON with the reason."""

LAST, FAILED = 0, -1

MOST_IDLE = max(4, os.cpu_count() or 1)
LARGE_BYTES = 500_000_000
"""After a picture that took this much memory, the process ends, which frees all of it."""


class DecodeFailed(Exception):
    """The picture could not be decoded; the message says why."""


class DecoderStopped(DecodeFailed):
    """The decoder process crashed at this picture, or was killed because it took too long."""


class _Process:
    """A decoder process and the pipes to it."""

    def __init__(self) -> None:
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path),
            # One thread suffices for one picture at a time, and each of these libraries reserves memory per thread.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            # glibc: return blocks of a megabyte and more to the system as soon as they are freed.
            "MALLOC_MMAP_THRESHOLD_": "1000000",
        }
        command = [sys.executable, "-P", "-c", "from viewfix.photos.decoder_process import main; main()"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise ViewfixError(
                f"The decoder process could not be started ({error.strerror}). Check the limits on processes and "
                f"memory, and that {sys.executable} can be run."
            ) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self.requests: IO[bytes] = self._process.stdin
        self.replies: IO[bytes] = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """End the process; at once if it is at work."""
        for pipe in (self.requests, self.replies):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def can_start() -> bool:
    """Whether a decoder process can be started. A program that was frozen into one file cannot start one."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class DecoderPool:
    """One process for each picture that is being decoded; a few idle ones are kept for later pictures."""

    def __init__(self) -> None:
        self.idle: list[_Process] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @contextlib.contextmanager
    def decoding(
        self, data: bytes, form: Form, least_side_px: int | None, *, memory_bytes: int, decode_s: float
    ) -> Iterator[Decoded]:
        """Decode a picture in a separate process for the length of the block.

        Args:
            data, form, least_side_px: as for `decode`.
            memory_bytes: the memory limit of the process (Linux only).
            decode_s: the time in seconds after which the process is killed.

        Raises:
            DecodeFailed: the picture could not be decoded, or not within these limits.
        """
        process = self._take()
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            process.kill()

        timer = threading.Timer(decode_s, stop)
        timer.daemon = True
        timer.start()
        reusable = False
        try:
            request = {
                "form": form,
                "least_side_px": least_side_px,
                "memory_bytes": memory_bytes,
                "decode_s": decode_s,
            }
            yield _conversation(process, data, request)
            reusable = True
        except (OSError, EOFError) as error:
            why = f"it takes more than {decode_s:g} s" if stopped.is_set() else "its decoder crashed"
            raise DecoderStopped(why) from error
        except DecodeFailed:
            reusable = True  # the process has answered and can decode the next picture
            raise
        finally:
            timer.cancel()
            if reusable and memory_bytes < LARGE_BYTES and not stopped.is_set():
                self._give(process)
            else:
                process.kill()
                process.close()

    def _take(self) -> _Process:
        with self._lock:
            if self._pid != os.getpid():  # after a fork, these processes belong to the parent
                self._forked, self.idle, self._pid = self.idle, [], os.getpid()
            while self.idle:
                process = self.idle.pop()
                if process.alive:
                    return process
                process.close()
        return _Process()

    def _give(self, process: _Process) -> None:
        with self._lock:
            if len(self.idle) < MOST_IDLE:
                self.idle.append(process)
                return
        process.close()

    def close(self) -> None:
        """End the idle processes. The next picture starts a new one."""
        with self._lock:
            idle, self.idle = self.idle, []
        for process in idle:
            process.close()


def _conversation(process: _Process, data: bytes, request: dict[str, Any]) -> Decoded:
    text = json.dumps(request).encode()
    process.requests.write(REQUEST.pack(len(text), len(data)))
    process.requests.write(text)
    process.requests.write(data)
    process.requests.flush()
    found = _message(process.replies)
    width, height = found["size"]
    return Decoded(width, height, found["orientation"], _strips(process.replies, width))


def _strips(replies: IO[bytes], width: int) -> Iterator[Pixels]:
    while (size := STRIP.unpack(_exactly(replies, STRIP.size))[0]) != LAST:
        if size == FAILED:
            raise DecodeFailed(_json(replies)["reason"])
        strip = np.empty(size, np.uint8)
        if replies.readinto(strip.data) != size:  # type: ignore[attr-defined]
            raise EOFError
        yield strip.reshape(-1, width, 3)


def _message(replies: IO[bytes]) -> dict[str, Any]:
    size = STRIP.unpack(_exactly(replies, STRIP.size))[0]
    if size == FAILED:
        raise DecodeFailed(_json(replies)["reason"])
    found: dict[str, Any] = json.loads(_exactly(replies, size))
    return found


def _json(replies: IO[bytes]) -> dict[str, Any]:
    size = STRIP.unpack(_exactly(replies, STRIP.size))[0]
    found: dict[str, Any] = json.loads(_exactly(replies, size))
    return found


def _exactly(replies: IO[bytes], size: int) -> bytes:
    data = replies.read(size)
    if len(data) < size:
        raise EOFError
    return data


POOL = DecoderPool()
"""The pool of this process."""

atexit.register(POOL.close)
