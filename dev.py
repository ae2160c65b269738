#!/usr/bin/env python3
"""Set up and run the project: `python3 dev.py demo` shows viewfix at work, `python3 dev.py test` runs the tests.

Needs Python 3.11 or newer and nothing else, on Linux, macOS and Windows. Every package is installed into a virtual
environment beside this file; nothing outside this folder changes, except that root on Debian or Ubuntu gets Chromium
and, for every test, PostGIS.
"""

from __future__ import annotations

import collections
import hashlib
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HEARTBEAT_S = 10
USAGE = """usage: python3 dev.py COMMAND

  demo [OPTIONS]        draw a small town, map it, and find photos in it (viewfix demo)
  run ARGS...           run viewfix with these arguments
  test [PYTEST OPTIONS] run the tests that need neither PyTorch nor Ray nor Milvus
  test --all [OPTIONS]  run every test; installs PyTorch, Ray, Milvus and a Panoramax server
  check                 check the format, lint, and check the types
  docs [serve]           build the documentation site into site/, or serve it while you write
"""
# Extras of pyproject.toml, each a part of the next, with what they take on a Linux PC.
EXTRAS = {"": "100 MB to download, 0.3 GB on disk", "test": "310 MB to download, 1.0 GB on disk",
          "dev": "0.9 GB to download, 3.1 GB on disk"}  # fmt: skip
GEOVISIO = "geovisio==2.15.1"
LIGHT = "not slow and not heavy"  # the markers of pyproject.toml


class Environment:
    """A virtual environment in a folder of this project."""

    def __init__(self, folder: str) -> None:
        self.home = ROOT / folder
        self.python = self.home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def run(self, *command: str | Path) -> int:
        """Run `python -m COMMAND` in the project's folder and return its exit code."""
        return subprocess.call([str(self.python), "-m", *map(str, command)], cwd=ROOT)

    def has(self, name: str, made_from: str) -> bool:
        stamp = self.home / f"installed-{name}"
        return self.python.exists() and stamp.exists() and stamp.read_text() == made_from

    def install(self, name: str, made_from: str, packages: list[str], size: str) -> None:
        """Create the environment if it is missing, install packages, and remember what they were installed from."""
        start = time.monotonic()
        print(f"Setting up {self.home.name}/ with {name}: {size}.", flush=True)
        if not self.python.exists():
            shutil.rmtree(self.home, ignore_errors=True)  # left by a set-up that was interrupted
            venv.create(self.home, with_pip=True)
        pip = ["pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "--no-compile"]
        command = [str(self.python), "-m", *pip, "--constraint", "constraints.txt", *packages]
        code, last_lines = with_progress(command)
        if code:
            print("\n".join(last_lines), file=sys.stderr)
            sys.exit(f"dev.py: pip failed with exit code {code}; its last lines are above.")
        (self.home / f"installed-{name}").write_text(made_from)
        print(f"Done in {time.monotonic() - start:.0f} s.", flush=True)


def with_progress(command: list[str]) -> tuple[int, list[str]]:
    """Run pip and print what it downloads, and how long it has been unpacking.

    Returns:
        pip's exit code and its last lines.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipe, encoding="utf-8", errors="replace") as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line.rstrip())
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        last_lines = report(lines)
        return process.wait(), last_lines


def report(lines: queue.Queue[str | None]) -> list[str]:
    """Print the steps in pip's lines until None comes, and a sign of life where they pause; returns the last lines."""
    start, doing = time.monotonic(), "Resolving packages"
    last: collections.deque[str] = collections.deque(maxlen=20)
    while True:
        try:
            line = lines.get(timeout=HEARTBEAT_S)
        except queue.Empty:
            print(f"  {doing} ({time.monotonic() - start:.0f} s)", flush=True)
            continue
        if line is None:
            return list(last)
        last.append(line)
        if found := re.match(r"\s*(?:Downloading|Using cached) (\S+?)-\d\S* \((.+ MB)\)", line):
            doing = f"Downloading {found[1]}, {found[2]}"
            print(f"  {doing}", flush=True)
        elif line.startswith("Installing collected packages"):
            doing = f"Unpacking {line.count(',') + 1} packages"
            print(f"  {doing} ({time.monotonic() - start:.0f} s)", flush=True)


def fingerprint(*names: str) -> str:
    """Of the files that decide what is installed, and of this Python."""
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in names) + sys.version.encode()).hexdigest()


def set_up(extra: str) -> Environment:
    """Install viewfix with an extra into .venv, unless that one or a larger one is there and current."""
    made_from = fingerprint("pyproject.toml", "constraints.txt", "hatch_build.py", "viewfix/web/package-lock.json")
    environment, names = Environment(".venv"), list(EXTRAS)
    if not any(environment.has(each or "core", made_from) for each in names[names.index(extra) :]):
        packages = ["--editable", f".[{extra}]" if extra else "."]
        environment.install(extra or "core", made_from, packages, EXTRAS[extra])
    return environment


def set_up_tools(group: str, size: str) -> Environment:
    """Install a dependency group of pyproject.toml into an environment of its own, without viewfix."""
    import tomllib  # here, because main() first tells an older Python what is wrong

    with (ROOT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["dependency-groups"][group]
    environment, made_from = Environment(f".venv-{group}"), fingerprint("pyproject.toml", "constraints.txt")
    if not environment.has(group, made_from):
        environment.install(group, made_from, packages, size)
    return environment


def set_up_browser(environment: Environment) -> None:
    """Get Chromium for the tests of the pages. Without it those tests are skipped, and say so."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    stamp = environment.home / "asked-for-browser"
    if os.environ.get("VIEWFIX_CHROMIUM") or any(map(shutil.which, names)) or stamp.exists():
        return
    print("Installing Chromium for the tests of the pages: 80 to 120 MB to download.", flush=True)
    ways = [[str(environment.python), "-m", "playwright", "install", "--only-shell", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        ways.insert(0, ["sh", "-c", "apt-get update -q && apt-get install -qy --no-install-recommends chromium"])
    if not any(subprocess.call(way, cwd=ROOT) == 0 for way in ways):
        print("Chromium could not be installed: the tests of the pages will be skipped.", flush=True)
    stamp.touch()  # a machine that cannot get Chromium is asked once, not at every run


def set_up_geovisio() -> None:
    """Get a Panoramax server for the tests of its connector. Without it those tests are skipped, and say so.

    It has an environment of its own, because its packages contradict those of viewfix. PostgreSQL and PostGIS are those
    of the system: root on Debian or Ubuntu gets them.
    """
    environment = Environment(".venv-geovisio")
    stamp = environment.home / "asked-for-geovisio"
    if os.environ.get("VIEWFIX_GEOVISIO") or sys.platform != "linux" or stamp.exists():
        return
    print("Installing GeoVisio for the tests of Panoramax: 60 MB to download, 400 MB on disk.", flush=True)
    shutil.rmtree(environment.home, ignore_errors=True)
    venv.create(environment.home, with_pip=True)
    done = environment.run("pip", "install", "-q", "--disable-pip-version-check", "--no-compile", GEOVISIO) == 0
    has_postgis = any(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    if done and not has_postgis and shutil.which("apt-get") and os.geteuid() == 0:
        get = "apt-get install -qy --no-install-recommends postgresql postgresql-postgis"
        done = subprocess.call(["sh", "-c", f"apt-get update -q && {get}"], cwd=ROOT) == 0
    if not done:
        print("A Panoramax server could not be installed: its tests will be skipped.", flush=True)
    stamp.touch()


def test(options: list[str]) -> int:
    everything = "--all" in options
    options = [option for option in options if option != "--all"]
    environment = set_up("dev" if everything else "test")
    set_up_browser(environment)
    if everything:
        set_up_geovisio()
    if not any(option.startswith("-m") for option in options):
        options = ["-m", "" if everything else LIGHT, *options]
    return environment.run("pytest", *options)


def check() -> int:
    environment = set_up_tools("check", "80 MB to download, 260 MB on disk")
    steps = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    return max(environment.run(*step) for step in steps)


def docs(options: list[str]) -> int:
    environment = set_up_tools("docs", "35 MB to download, 150 MB on disk")
    return environment.run("zensical", *(options or ["build", "--strict", "--clean"]))


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  the python3 of a newcomer may be older than ours
        sys.exit(f"dev.py: this is Python {sys.version.split()[0]}, but viewfix needs 3.11 or newer.")
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "test":
        return test(rest)
    if command == "check":
        return check()
    if command == "docs":
        return docs(rest)
    if command in ("demo", "run"):
        return set_up("").run("viewfix", *(["demo"] if command == "demo" else []), *rest)
    print(USAGE)
    return 0 if command in ("-h", "--help", "help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
