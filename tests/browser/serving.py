"""A real server of maps, running in this process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def running(*maps: Path, **settings: Any) -> Iterator[str]:
    """Serve maps at a free port of this machine, with all thumbnails, until the block ends."""
    import uvicorn  # an extra: the caller has made sure that it is installed

    from viewfix.server import Settings, create_app

    app = create_app(maps, Settings(**{"thumbnails": "all", **settings}))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
