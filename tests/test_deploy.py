"""The files of deploy/ are well-formed, follow the usual rules for containers, and name options that exist."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from viewfix.cli import app

DEPLOY = Path(__file__).parents[1] / "deploy"
PARENT = click.Context(app, **app.context_settings)


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and their arguments, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    return instructions((DEPLOY / "Dockerfile").read_text("utf-8"))


def test_the_dockerfile_follows_the_rules_of_hadolint(dockerfile: list[tuple[str, str]]) -> None:
    known = {
        "FROM",
        "RUN",
        "CMD",
        "ENTRYPOINT",
        "COPY",
        "WORKDIR",
        "ENV",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "STOPSIGNAL",
    }
    assert {name for name, _ in dockerfile} <= known, "ADD, MAINTAINER and SHELL are not needed"
    assert dockerfile[0][0] == "FROM"
    for name, rest in dockerfile:
        if name == "FROM":
            image = rest.split()[0]
            assert ":" in image and not image.endswith(":latest"), f"DL3006, DL3007: {image}"
        if name == "RUN":
            assert "sudo" not in rest and "apt-get" not in rest and "cd " not in rest, f"DL3003, DL3004: {rest}"
            assert "pip" not in rest or "--no-cache-dir" in rest, f"DL3042: {rest}"
        if name in ("CMD", "ENTRYPOINT"):
            assert rest.startswith("["), f"DL3025: {rest}"
        if name == "WORKDIR":
            assert rest.startswith("/"), f"DL3000: {rest}"
        if name == "EXPOSE":
            assert 0 < int(rest) < 65_536, f"DL3011: {rest}"
    names = [name for name, _ in dockerfile]
    last_stage = dockerfile[len(names) - 1 - names[::-1].index("FROM") :]
    users = [rest for name, rest in last_stage if name == "USER"]
    assert users and users[-1] not in ("root", "0"), "DL3002: the last user is root"
    assert [name for name, _ in last_stage].count("CMD") == [name for name, _ in last_stage].count("ENTRYPOINT") == 1


def test_the_container_is_built_from_files_of_the_checkout() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for line in ignored:
        if line.startswith("!"):
            assert (DEPLOY.parent / line[1:]).exists(), line
    pyproject = (DEPLOY.parent / "pyproject.toml").read_text("utf-8")
    for needed in re.findall(r'(?:readme = |"(?=LICENSE"))"?([A-Za-z.]+)', pyproject):
        assert f"!{needed}" in ignored, f"the build reads {needed}"


def test_the_compose_file_is_sound() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    assert set(services) == {"service", "database"}
    for name, service in services.items():
        assert {"image", "restart", "mem_limit", "stop_grace_period"} <= service.keys(), name
        image = service["image"]
        assert "build" in service or (":" in image and not image.endswith(":latest")), image
        assert not service.get("privileged")
        for mounted in service.get("volumes", ()):
            source = mounted.split(":")[0]
            assert source in compose["volumes"], f"{name} mounts {source}, which is not declared"
    service = services["service"]
    assert service["depends_on"]["database"]["condition"] == "service_healthy" and services["database"]["healthcheck"]
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert "DB_PASSWORD:?" in text and not re.search(r"postgresql://[^@\s]*:[^@\s]*@", text), "no password in a URL"
    parse("viewfix " + shlex.join(service["command"]))


def test_the_unit_ends_after_the_service_does() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string((DEPLOY / "viewfix.service").read_text("utf-8"))
    service = unit["Service"]
    parse("viewfix " + service["ExecStart"].partition(" ")[2])
    [grace] = [each.default for each in command("serve").params if each.name == "grace"]
    assert int(service["TimeoutStopSec"]) > grace + 10
    assert service["SuccessExitStatus"] == "143" and service["NoNewPrivileges"] == "yes"


def test_every_command_of_the_page_can_be_parsed() -> None:
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text("utf-8")
    found = [line.strip() for line in page.splitlines() if line.startswith("    viewfix serve ")]
    assert len(found) >= 2
    for line in found:
        parse(line)
    for named in re.findall(r"deploy/[A-Za-z.]+", page):
        if named != "deploy/.env":
            assert (DEPLOY.parent / named.rstrip(".")).exists(), named


def command(name: str) -> click.Command:
    found = app.get_command(PARENT, name)
    assert found is not None
    return found


def parse(line: str) -> None:
    """Parse a command line of viewfix without running it; an option that does not exist fails the test."""
    _, name, *arguments = shlex.split(line, comments=True)
    parameters = command(name).make_context(name, arguments, parent=PARENT).params
    assert parameters
