"""Maps go in; a real server of them runs in this process, and its address comes out."""

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
    """Serve maps at a free port of this machine, every photo shown small, until the block ends."""
    import uvicorn  # an extra: whoever asks has made sure that it is there

    from viewfix.server import Settings, create_app

    app = create_app(maps, Settings(**{"thumbnails": "all", **settings}))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
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
