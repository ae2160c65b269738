"""The memory budget for all pictures that this process decodes at the same time, and the limits of a single picture."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import BadInput, UnreadablePhoto

LEAST_DEFAULT_BYTES = 2_000_000_000


def _default_memory_bytes() -> int:
    """A quarter of the memory of this machine, but at least 2 GB."""
    if not hasattr(os, "sysconf"):  # Windows
        return LEAST_DEFAULT_BYTES
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return LEAST_DEFAULT_BYTES
    return max(LEAST_DEFAULT_BYTES, physical // 4)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The limits of decoding. The defaults suit a personal computer; a service sets its own with `set_limits`.

    `memory_bytes` is shared by all pictures that are being decoded, in this process and in decoder processes. A picture
    that needs more than all of it is decoded alone, or refused if `refuse_larger` is set. `decode_s` is the time in
    seconds after which a decoder process is killed.

    Raises:
        BadInput: a limit is not more than 0.
    """

    memory_bytes: int = field(default_factory=_default_memory_bytes)
    decode_s: float = 60.0
    refuse_larger: bool = False

    def __post_init__(self) -> None:
        if self.memory_bytes <= 0 or not self.decode_s > 0:
            raise BadInput(
                f"memory_bytes and decode_s must be more than 0; got {self.memory_bytes} and {self.decode_s}."
            )


class MemoryBudget:
    """The memory that pictures reserve while they are decoded. A picture waits until enough is free."""

    def __init__(self) -> None:
        self.limits = DecodeLimits()
        self._used = 0
        self._changed = threading.Condition()

    @property
    def used_bytes(self) -> int:
        """The memory that is reserved now."""
        return self._used

    @contextlib.contextmanager
    def reserved(self, wanted_bytes: int, name: str) -> Iterator[None]:
        """Reserve memory for the length of the block, for the picture called `name`.

        Raises:
            UnreadablePhoto: the picture needs more than the whole budget, and `refuse_larger` is set.
        """
        with self._changed:
            limits = self.limits
            if wanted_bytes > limits.memory_bytes and limits.refuse_larger:
                raise UnreadablePhoto(
                    f"{name} takes {wanted_bytes / 1e6:.0f} MB to decode, but only {limits.memory_bytes / 1e6:.0f} MB "
                    "are allowed. Save it smaller."
                )
            self._changed.wait_for(lambda: self._used == 0 or self._used + wanted_bytes <= self.limits.memory_bytes)
            self._used += wanted_bytes
        try:
            yield
        finally:
            with self._changed:
                self._used -= wanted_bytes
                self._changed.notify_all()


BUDGET = MemoryBudget()
"""The budget of this process."""


def set_limits(limits: DecodeLimits) -> None:
    """Set the limits of decoding for this process."""
    BUDGET.limits = limits
