"""Whether the maps can be asked at the moment: each is asked a real query, beside the event loop, with a time limit."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from .logs import log
from .registry import MapRegistry, ServedMap

FRESH_S = 1.0
"""A result this young is used again: load balancers probe often, and from many sides."""


class Health:
    """The state of each map, as its last probe found it. For one event loop."""

    def __init__(self, maps: MapRegistry, probe_s: float) -> None:
        self._maps, self._probe_s = maps.all(), probe_s
        # A thread for each map: one that hangs must not keep the others from being probed.
        self._pool = ThreadPoolExecutor(len(self._maps), thread_name_prefix="probe")
        self._probes: dict[str, asyncio.Future[bool]] = {}
        self._done_at: dict[str, float] = {}

    async def unavailable(self) -> list[str]:
        """The names of the maps that cannot be asked, or did not answer in time."""
        probes = {served.name: self._probe(served) for served in self._maps}
        await asyncio.wait(probes.values(), timeout=self._probe_s)
        return [name for name, probe in probes.items() if not (probe.done() and probe.result())]

    def start(self) -> None:
        """Begin to probe each map whose last probe is old, and wait for none."""
        for served in self._maps:
            self._probe(served)

    def _probe(self, served: ServedMap) -> asyncio.Future[bool]:
        """The probe that is under way, or the last one if it is fresh, or a new one."""
        probe = self._probes.get(served.name)
        if probe is None or (probe.done() and time.monotonic() - self._done_at[served.name] > FRESH_S):
            probe = asyncio.wrap_future(self._pool.submit(self._ask, served))
            self._probes[served.name] = probe
        return probe

    def _ask(self, served: ServedMap) -> bool:
        try:
            served.probe()
            return True
        except Exception as error:  # whatever it is, the map cannot be asked
            log.error("the map %s cannot be asked: %s", served.name, error)
            return False
        finally:
            self._done_at[served.name] = time.monotonic()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
