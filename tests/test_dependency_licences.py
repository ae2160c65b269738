"""The licences of everything that the core installs are known, and NOTICE names the libraries in its wheels."""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent

PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache Software License", "Apache 2.0", "BSD License", "BSD-2-Clause", "BSD-3-Clause",
    "3-Clause BSD License", "BSD 3-Clause License", "CC0-1.0", "ISC", "MIT", "MIT License", "MIT-CMU",
    "PSF-2.0", "Python Software Foundation License", "Unlicense", "Zlib",
}  # fmt: skip
LIBRARIES = PERMISSIVE | {
    "FTL", "IJG", "blessing", "curl", "libpng-2.0", "libtiff", "LGPL-2.1-or-later", "LGPL-3.0-or-later", "MPL-2.0",
    "GPL-3.0-or-later WITH GCC-exception-3.1",
}  # fmt: skip
NAMED = {
    "certifi": "Mozilla Public License 2.0 (MPL 2.0)",  # a file of certificates, used unchanged
    "pi-heif": "GNU Lesser General Public License v3 (LGPLv3)",  # shared libraries that can be replaced
}
"""Packages under a licence that asks for the source of the package itself, and no more: they are named in NOTICE."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def core() -> Iterator[importlib.metadata.Distribution]:
    """Every package that the core installs here, those that its dependencies need included."""
    waiting = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    seen: set[str] = set()
    while waiting:
        wanted = Requirement(waiting.pop())
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if normal(wanted.name) not in seen and applies:
            seen.add(normal(wanted.name))
            found = importlib.metadata.distribution(wanted.name)
            waiting += found.requires or []
            yield found


def licences(package: importlib.metadata.Distribution) -> set[str]:
    """As the package declares them: one expression, or classifiers, or a text that begins with the name of one."""
    about = package.metadata
    if expression := about.get("License-Expression"):
        return {part.strip(" ()") for part in re.split(r"\bAND\b|\bOR\b", expression)}
    classifiers = [
        each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License ::")
    ]
    named = [name for name in classifiers if name != "OSI Approved"]
    return set(named) if named else {(about.get("License") or "").strip().partition("\n")[0].strip()}


def test_no_dependency_of_the_core_is_under_an_unknown_or_copyleft_licence() -> None:
    notice = (ROOT / "NOTICE").read_text()
    packages = {normal(package.metadata["Name"]): licences(package) for package in core()}
    assert {"numpy", "pillow", "pi-heif", "onnxruntime"} <= set(packages)
    for name, found in packages.items():
        if name in NAMED:
            assert found == {NAMED[name]} and name in notice
        else:
            assert found and found <= PERMISSIVE, f"{name} is under {found}: find another, or say here why it fits"


def bundled() -> Iterator[tuple[str, str]]:
    """Package and name of each shared library that lies beside the modules of a package."""
    for package in core():
        for file in package.files or []:
            if re.search(r"(\.libs|\.dylibs)/", str(file)):
                yield normal(package.metadata["Name"]), re.split(r"[-_.]", file.name)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="NOTICE names the libraries as the wheels for Linux bundle them")
def test_every_library_inside_a_dependency_is_named_with_its_licence() -> None:
    rows = re.findall(r"^([\w-]+) +(lib\w+|\(static\)) +(\S.*)$", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    named = {(package, library): licence for package, library, licence in rows}
    for package, library in bundled():
        assert (package, library) in named, f"{package} bundles {library}: name it and its licence in NOTICE"
    for (package, library), licence in named.items():
        unknown = set(licence.split(" AND ")) - LIBRARIES
        assert not unknown, f"{library} in {package} is under {unknown}"


def test_no_encoder_under_the_gpl_is_installed_with_the_core() -> None:
    names = {normal(package.metadata["Name"]) for package in core()}
    assert "pillow-heif" not in names
    assert not [file for package in core() for file in package.files or [] if "x265" in file.name]
