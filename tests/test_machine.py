"""What `viewfix doctor` measures of a machine, and what it advises."""

from __future__ import annotations

import json

import pytest
from conftest import Toy

from viewfix.cli import run
from viewfix.evaluate import machine
from viewfix.evaluate.machine import MachineSpeed, faster, measure_machine

QUICK = MachineSpeed(175.0, 13.0, 243.0, 2, 0.3)


def test_a_machine_is_measured_by_drawn_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FOR_S", 0.0)
    monkeypatch.setattr(machine.geometry, "available", lambda: False)
    measured = measure_machine(Toy())
    assert measured.photos_per_s > 0 and measured.locate_ms > 0 and measured.locate_verified_ms is None
    assert measured.cores >= 1


def test_the_advice_fits_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_faiss", lambda: True)
    monkeypatch.setattr(machine, "chosen_device", lambda: "cpu")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    [first, *_] = faster(QUICK, ["cpu", "cuda"])
    assert first == "an accelerator is there: use --device cuda"
    assert not any("load" in each or "cores may" in each for each in faster(QUICK, ["cpu"]))
    busy = MachineSpeed(20.0, 90.0, None, 2, 14.2)
    lines = faster(busy, ["cpu"])
    assert lines[0].startswith("other programs use the 2 cores (load 14)")
    assert any("pip install 'viewfix[verify]'" in each for each in lines)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(machine, "has_faiss", lambda: False)
    lines = faster(QUICK, ["cpu"])
    assert "only 2 of 16 cores may be used" in lines[0]
    assert any("viewfix[large]" in each for each in lines)


def test_doctor_prints_the_speed_and_what_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "measure_machine", lambda: QUICK)
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "175 photos a second on 2 cores; locate 13 ms by similarity, 243 ms verified" in out and "faster" in out
    assert run(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["speed"]["photos_per_s"] == 175 and facts["faster"]
