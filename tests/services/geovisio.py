"""A real Panoramax server: GeoVisio over PostgreSQL with PostGIS, started in a folder on free ports."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(os.environ.get("VIEWFIX_GEOVISIO", ROOT / ".venv-geovisio")) / "bin"
"""Those of the virtual environment of GeoVisio, which is apart: its packages contradict those of viewfix."""

LICENCE = "etalab-2.0"
SETTINGS = {"timezone": "UTC", "fsync": "off", "max_connections": "60", "listen_addresses": "127.0.0.1"}


def why_not() -> str | None:
    """The reason why no server can be started here; None if one can."""
    if not (PROGRAMS / "gunicorn").exists():
        return f"GeoVisio is not installed in {PROGRAMS.parent} (python3 dev.py test --all does that on Linux)"
    if _postgres() is None:
        return "PostgreSQL with PostGIS is not installed (Debian: apt-get install postgresql postgresql-postgis)"
    return None


def _postgres() -> Path | None:
    """The folder of the programs of a PostgreSQL that has PostGIS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(re.sub(r"\D", "", p.parent.name) or 0))
    for programs in reversed(found):
        if Path(f"/usr/share/postgresql/{programs.parent.name}/extension/postgis.control").exists():
            return programs
    return None


class GeoVisio:
    """The server. It blurs nothing and requires no account; `url` is the address of its API."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vfgv"))
        self.folder.chmod(0o755)
        (self.folder / "pictures").mkdir()
        self._port, self._database_port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{self._port}/api"
        self._http = urllib3.PoolManager()
        self._env = {
            **os.environ,
            "DB_URL": f"postgres://viewfix@127.0.0.1:{self._database_port}/geovisio",
            "FS_URL": f"osfs://{self.folder}/pictures",
            "FLASK_SECRET_KEY": "only-a-test-key-only-a-test-key-123456",
            "API_PICTURES_LICENSE_SPDX_ID": LICENCE,
            "API_PICTURES_LICENSE_URL": "https://example.org/licence",
            "API_FORCE_AUTH_ON_UPLOAD": "false",
            "PICTURE_PROCESS_DERIVATES_STRATEGY": "PREPROCESS",
            "PICTURE_PROCESS_THREADS_LIMIT": "1",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._start_database()
            self._run(PROGRAMS / "panoramax_backend", "db", "upgrade")
            self._token = self._run(PROGRAMS / "panoramax_backend", "default-account-tokens", "get").split()[-1]
            self._start_api()
        except BaseException:
            self.close()
            raise

    def upload(self, photos: Iterable[Path], title: str = "a walk") -> None:
        """Upload photos, and wait until they are processed."""
        created = self._post("/upload_sets", json={"title": title})
        for photo in photos:
            self._post(
                f"/upload_sets/{created['id']}/files", fields={"file": (photo.name, photo.read_bytes(), "image/jpeg")}
            )
        self._post(f"/upload_sets/{created['id']}/complete", json={})
        until = time.monotonic() + 240
        while time.monotonic() < until:
            found = self._http.request("GET", f"{self.url}/upload_sets/{created['id']}").json()
            if found.get("ready"):
                assert not found["items_status"]["rejected"] and not found["items_status"]["broken"], found
                return
            time.sleep(0.25)
        raise AssertionError(f"the photos were not processed: {found}")

    def items(self, box: str) -> list[dict[str, Any]]:
        """What the API itself lists in a box of west, south, east, north."""
        answer = self._http.request("GET", f"{self.url}/search", fields={"bbox": box, "limit": "10000"})
        features: list[dict[str, Any]] = answer.json()["features"]
        return features

    def delete(self, item: dict[str, Any]) -> None:
        address = f"{self.url}/collections/{item['collection']}/items/{item['id']}"
        answer = self._http.request("DELETE", address, headers={"Authorization": f"Bearer {self._token}"})
        assert answer.status == 204, answer.data

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self._http.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_database(self) -> None:
        programs, data, user = _postgres(), self.folder / "data", _user()
        assert programs is not None
        if user:
            shutil.chown(self.folder, user["user"])
        self._run(
            programs / "initdb", "-D", data, "-U", "viewfix", "-A", "trust", "--locale=C.UTF-8", "--no-sync", **user
        )
        settings = {**SETTINGS, "port": str(self._database_port), "unix_socket_directories": str(self.folder)}
        command = [str(programs / "postgres"), "-D", str(data)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        self._begin(command, "database.log", **user)
        psql = [programs / "psql", "-q", "-h", "127.0.0.1", "-p", str(self._database_port), "-U", "viewfix"]
        self._wait(lambda: subprocess.call([*psql, "-d", "postgres", "-c", "select 1"], **_QUIET) == 0, "database.log")
        self._run(*psql, "-d", "postgres", "-c", "create database geovisio encoding 'UTF8' template template0")
        self._run(*psql, "-d", "geovisio", "-c", "create extension postgis")

    def _start_api(self) -> None:
        # gunicorn puts its control socket below the home folder, where two servers would share it.
        where = ["-b", f"127.0.0.1:{self._port}", "-w", "1", "--threads", "4", "--timeout", "120"]
        self._begin([str(PROGRAMS / "gunicorn"), "--no-control-socket", *where, "geovisio:create_api()"], "api.log")
        self._wait(self._answers, "api.log")

    def _answers(self) -> bool:
        try:
            return self._http.request("GET", self.url, retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _begin(self, command: list[str], log: str, **user: str) -> None:
        with (self.folder / log).open("wb") as file:
            running = subprocess.Popen(command, cwd=self.folder, env=self._env, stdout=file, stderr=file, **user)  # type: ignore[call-overload]
        self._processes.append(running)

    def _wait(self, ready: Any, log: str) -> None:
        until = time.monotonic() + 90
        while not ready():
            assert time.monotonic() < until and self._processes[-1].poll() is None, (self.folder / log).read_text()[
                -3000:
            ]
            time.sleep(0.25)

    def _run(self, *command: Any, **user: str) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=self.folder, env=self._env, capture_output=True, text=True, **user)  # type: ignore[call-overload]
        assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return str(done.stdout)

    def _post(self, path: str, **content: Any) -> Any:
        answer = self._http.request("POST", self.url + path, **content)
        assert answer.status in (200, 201, 202), answer.data
        return answer.json()


_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _user() -> dict[str, str]:
    """PostgreSQL refuses to run as root, so another user runs it there."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody", "daemon"):
        with contextlib.suppress(KeyError):
            return {"user": pwd.getpwnam(name).pw_name}
    return {}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
