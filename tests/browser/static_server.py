"""A plain static web server for a folder, as operators have, which can be told to misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

Tamper = Callable[[str, bytes], bytes | None]
"""Changes a file on its way: from path and content to other content, or None for a connection that breaks."""


class Folder:
    """A folder served at `url`; `path` may be changed, `asked` are the paths that were requested."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = ""
        self.asked: list[str] = []
        self.tamper: Tamper | None = None
        self.gone = False  # every connection breaks


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, folder: Folder) -> None:
        self.folder = folder
        super().__init__(*arguments, directory=str(folder.path))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.path.lstrip("/").partition("?")[0] or "index.html"
        self.folder.asked.append(path)
        if self.folder.gone:
            self.close_connection = True
            return
        tamper, file = self.folder.tamper, self.folder.path / path
        if tamper is None or not file.is_file():
            super().do_GET()
            return
        content = file.read_bytes()
        changed = tamper(path, content)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(content if changed is None else changed)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if changed is None else changed)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(path: Path) -> Iterator[Folder]:
    """Serve a folder until the block ends."""
    folder = Folder(path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder=folder)) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder.url = f"http://127.0.0.1:{server.server_port}/"
        yield folder
        server.shutdown()
