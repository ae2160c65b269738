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
    wanted = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
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


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  a stranger's python3 may be older than ours
        sys.exit(f"dev.py: this is Python {sys.version.split()[0]}, but viewfix needs 3.11 or newer.")
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "test":
        set_up("dev")
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
