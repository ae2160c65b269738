"""The address of a Ray cluster, and the connection to it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from ...errors import BadInput
from ...optional import optional

_ADDRESS = re.compile(r"auto|local|(ray://)?[^\s/:@]+:\d{1,5}")


CONNECT_S = 10.0
"""How long to wait for a connection to the head node. Ray itself would try for minutes."""

ATTEMPTS = 3
"""How often to try ray://. The head starts a server for each client, and that server may die while it starts."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster to embed on.

    `address` is "auto" (the cluster that this machine belongs to), "local" (a cluster of this machine alone),
    HOST:PORT of a head node, or ray://HOST:PORT of its client server. `workers` is the largest number of tasks that
    run at the same time; None for as many as the cluster has cores.

    Raises:
        BadInput: the address or the number of workers is not valid.
    """

    address: str
    workers: int | None = None

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise BadInput(
                f"{self.address!r} is not an address of a Ray cluster. Use auto, local, HOST:PORT or ray://HOST:PORT."
            )
        if self.workers is not None and self.workers < 1:
            raise BadInput(f"The number of Ray workers must be 1 or more; got {self.workers}. Leave it out to use all.")

    @classmethod
    def of(cls, given: Cluster | str) -> Cluster:
        """Make a Cluster from its address; a Cluster is returned as it is."""
        return given if isinstance(given, Cluster) else cls(given)

    @contextlib.contextmanager
    def connected(self) -> Iterator[ModuleType]:
        """Connect for the length of the block; yields the module `ray`. An existing connection is reused and kept open.

        Raises:
            MissingExtra: ray is not installed.
            BadInput: no cluster answers at the address, or it runs another version of Ray or Python.
        """
        ray = optional("ray")
        if ray.is_initialized():
            yield ray
            return
        self._check_reachable()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that we start sends no usage statistics
        self._connect(ray)
        try:
            yield ray
        finally:
            ray.shutdown()

    def _connect(self, ray: ModuleType) -> None:
        options = {} if self.address.startswith("ray://") else {"log_to_driver": False}
        for left in reversed(range(ATTEMPTS)):
            try:
                ray.init(self.address, logging_level=logging.ERROR, configure_logging=True, **options)
                return
            except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
                ray.shutdown()  # a failed connection to ray:// leaves the process in client mode
                if not (left and isinstance(error, ConnectionAbortedError)):
                    raise self._unusable(error) from error

    def _check_reachable(self) -> None:
        """Raise BadInput at once if nothing listens at the host and port."""
        host, colon, port = self.address.removeprefix("ray://").rpartition(":")
        if colon:
            try:
                socket.create_connection((host, int(port)), CONNECT_S).close()
            except (OSError, OverflowError) as error:
                raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> BadInput:
        why = " ".join(str(error).split())[:160]
        return BadInput(
            f"No Ray cluster could be used at {self.address} ({why}). Start one with ray start --head, "
            "with the same versions of Ray and Python as here, or pass its HOST:PORT."
        )


Where = Cluster | str | None
"""A cluster, or its address; None for the threads of this machine."""
