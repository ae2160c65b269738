#!/usr/bin/env python3
"""Set up and run: `python3 dev.py demo` shows viewfix at work, `python3 dev.py test` runs the tests.

Standard library only; Linux, macOS and Windows. Everything is installed into .venv beside this file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
USAGE = """usage: python3 dev.py COMMAND

  demo [OPTIONS]        draw a small town, map it, find photos in it (viewfix demo)
  test [PYTEST OPTIONS] run the tests
  check                 format, lint, types
  run ARGS...           run viewfix with these arguments
"""


def python() -> Path:
    return HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def call(*command: str | Path) -> int:
    """Run a command in the project's folder with warnings of the environment kept out; returns its exit code."""
    return subprocess.call([str(part) for part in command], cwd=ROOT)


def set_up(extra: str) -> None:
    """Make .venv and install viewfix with an extra into it, unless that was done for these very requirements."""
    names = ("pyproject.toml", "constraints.txt", "hatch_build.py", "viewfix/web/package-lock.json")
    wanted = [ROOT / name for name in names]
    stamp = HOME / f"installed-{extra or 'core'}"
    now = hashlib.sha256(b"".join(file.read_bytes() for file in wanted) + sys.version.encode()).hexdigest()
    if python().exists() and stamp.exists() and stamp.read_text() == now:
        return
    if not python().exists():
        print("Making a virtual environment in .venv …", flush=True)
        shutil.rmtree(HOME, ignore_errors=True)  # half of one, from a set-up that was stopped
        venv.create(HOME, with_pip=True)
    what = f".[{extra}]" if extra else "."
    print(f"Installing viewfix{f' with {extra}' if extra else ''}; the first time takes a minute or two …", flush=True)
    code = call(
        python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", "constraints.txt", "--editable", what,
    )  # fmt: skip
    if code:
        sys.exit(f"dev.py: the installation failed (pip exit code {code}); its last lines above say why.")
    stamp.write_text(now)


def set_up_browser() -> None:
    """See to a Chromium for the tests of pages; where none can be had, those tests are skipped and say why."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    stamp = HOME / "asked-for-browser"
    if os.environ.get("VIEWFIX_CHROMIUM") or any(map(shutil.which, names)) or stamp.exists():
        return
    print("Installing Chromium for the tests of pages …", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    ways = [[python(), "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        ways.insert(0, ["sh", "-c", "apt-get update && apt-get install --yes --no-install-recommends chromium"])
    if not any(subprocess.call([str(part) for part in way], cwd=ROOT, **quiet) == 0 for way in ways):
        print("No Chromium could be installed: the tests of pages will be skipped.", flush=True)
    stamp.touch()  # asked once: a machine where it cannot be had is not asked at every run


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  a stranger's python3 may be older than ours
        sys.exit(f"dev.py: this is Python {sys.version.split()[0]}, but viewfix needs 3.11 or newer.")
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "test":
        set_up("dev")
        set_up_browser()
        return call(python(), "-m", "pytest", *rest)
    if command == "check":
        set_up("dev")
        steps = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
        return max(call(python(), "-m", *step) for step in steps)
    if command in ("demo", "run"):
        set_up("")
        return call(python(), "-m", "viewfix", *(["demo"] if command == "demo" else []), *rest)
    print(USAGE)
    return 0 if command in ("-h", "--help", "help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
