"""Models run on the device that was chosen; batches change nothing but the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from test_map import rows_of

from viewfix import BadInput, Map, set_device
from viewfix.cli import options, run
from viewfix.embed.describe import Described, Pending, describe
from viewfix.models import catalogue, devices, onnx
from viewfix.models.onnx import OnnxModel
from viewfix.types import Photo, Position, Skipped

Pictures = list[npt.NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def usual_device() -> Iterator[None]:
    yield
    set_device("auto")


@pytest.fixture
def pictures() -> Pictures:
    rng = np.random.default_rng(1)
    shapes = [(120, 160), (160, 120), (120, 160), (90, 200), (120, 160)]
    return [rng.integers(0, 256, (*shape, 3)).astype(np.uint8) for shape in shapes]


def small(**changes: Any) -> OnnxModel:
    return OnnxModel(catalogue.CATALOGUE[0].file, threads=1, **changes)


class Runtime:
    """ONNX Runtime with a provider for GPUs, which runs on the CPU, or fails in one of the known ways."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: str = "") -> None:
        import onnxruntime

        self.real, self.fault = onnxruntime.InferenceSession, fault
        self.asked: list[list[Any]] = []
        fake = SimpleNamespace(
            get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
            InferenceSession=self.opened,
        )
        monkeypatch.setattr(devices, "_runtime", lambda: fake)

    def opened(self, content: bytes, made: Any, providers: list[Any]) -> Any:
        self.asked.append(providers)
        session = self.real(content, made, providers=["CPUExecutionProvider"])
        names = [each if isinstance(each, str) else each[0] for each in providers]
        if names[0] == "CPUExecutionProvider":
            return session
        if self.fault == "raises":
            raise RuntimeError("CUDA driver version is insufficient\nfor CUDA runtime version")
        used = ["CPUExecutionProvider"] if self.fault == "falls back" else names
        return SimpleNamespace(
            get_providers=lambda: used,
            run=session.run,
            get_inputs=session.get_inputs,
            get_outputs=session.get_outputs,
            get_modelmeta=session.get_modelmeta,
        )


def test_the_command_line_offers_every_device() -> None:
    [choice] = [each for each in options.device_option(_command()).params if each.name == "device"]
    assert tuple(choice.type.choices) == devices.DEVICES  # type: ignore[attr-defined]


def _command() -> Any:
    import click

    return click.command()(lambda: None)


def test_auto_takes_the_cpu_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_is_installed", lambda _: False)
    model = small(device="auto")
    assert (model.device, model.most_together) == ("cpu", 1)


def test_auto_takes_a_gpu_that_works_and_asks_for_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(monkeypatch)
    model = small(device="auto")
    assert (model.device, model.most_together) == ("cuda", onnx.BATCH)
    assert runtime.asked == [[("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]]


@pytest.mark.parametrize("fault", ["raises", "falls back"])
def test_only_auto_falls_back_to_the_cpu(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Runtime(monkeypatch, fault)
    assert small(device="auto").device == "cpu"
    with pytest.raises(BadInput, match="The device cuda does not work with lite0.*driver may be too old") as caught:
        small(device="cuda")
    assert "\n" not in str(caught.value)
    assert ("insufficient for CUDA runtime" in str(caught.value)) == (fault == "raises")


def test_a_device_that_is_not_installed_is_refused_with_what_to_install(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "_is_installed", lambda _: False)
    monkeypatch.setattr(devices, "installed_runtimes", lambda: ["onnxruntime"])
    assert run(["build", str(tmp_path / "a.map"), str(street), "--device", "openvino", "-q"]) == 2
    said = capsys.readouterr().err
    assert "The device openvino is not available: ONNX Runtime here has cpu." in said
    assert "pip install 'viewfix[openvino]'" in said
    assert not (tmp_path / "a.map").exists()


def test_two_runtimes_that_overwrite_each_other_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_is_installed", lambda _: False)
    monkeypatch.setattr(devices, "installed_runtimes", lambda: ["onnxruntime", "onnxruntime-gpu"])
    with pytest.raises(BadInput, match="onnxruntime and onnxruntime-gpu are installed and overwrite each other"):
        small(device="cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(BadInput, match="There is no device 'gpu'"):
        set_device("gpu")  # type: ignore[arg-type]


def test_a_chosen_device_holds_for_models_that_are_loaded_later(monkeypatch: pytest.MonkeyPatch) -> None:
    Runtime(monkeypatch)
    set_device("cpu")
    assert small().device == "cpu"
    set_device("cuda")
    assert small().device == "cuda"
    with pytest.raises(BadInput):
        set_device("")  # type: ignore[arg-type]
    assert devices.chosen_device() == "cuda"


def test_batches_of_pictures_of_many_sizes_give_the_descriptors_of_single_ones(pictures: Pictures) -> None:
    model = small()
    alone = model.embed(pictures)
    model.most_together = 2
    sizes: list[int] = []
    run_once = model._run
    model._run = lambda inputs: sizes.append(len(inputs)) or run_once(inputs)  # type: ignore[assignment, func-returns-value]
    together = model.embed(pictures)
    assert sorted(sizes) == [1, 1, 1, 2]
    assert (together * alone).sum(1).min() > 1 - 1e-6


def test_too_little_memory_halves_the_batch_and_goes_on(pictures: Pictures) -> None:
    model = small()
    alone = model.embed([pictures[0]] * 5)
    model.most_together = 8
    real = model._session
    tried: list[int] = []

    def run_two_at_most(outputs: Any, inputs: dict[str, Any]) -> Any:
        [pixels] = inputs.values()
        tried.append(len(pixels))
        if len(pixels) > 2:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 4096")
        return real.run(outputs, inputs)

    model._session = SimpleNamespace(run=run_two_at_most)  # type: ignore[assignment]
    found = model.embed([pictures[0]] * 5)
    assert (found * alone).sum(1).min() > 1 - 1e-6
    assert model.most_together == 2
    assert tried == [5, 3, 2, 1, 2]


def test_other_errors_are_not_taken_for_too_little_memory(pictures: Pictures) -> None:
    model = small()
    model.most_together = 4

    def fail(*_: Any) -> Any:
        raise RuntimeError("the device was removed")

    model._session = SimpleNamespace(run=fail)  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="removed"):
        model.embed([pictures[0]] * 2)
    assert model.most_together == 4


def test_a_map_built_in_batches_is_the_map_built_one_by_one(
    street: Path, real_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small()
    model.most_together = 4
    (tmp_path / "in").mkdir()
    for file in street.glob("*.jpg"):
        (tmp_path / "in" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "in" / "0-broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with Map.build(tmp_path / "m.map", tmp_path / "in", model=model) as city:
        assert [each.id for each in city.last_added.skipped] == ["0-broken.jpg"]
        assert len(city) == len(rows_of(real_map))
        again = city.add(tmp_path / "in")
        assert (again.added, again.unchanged) == (0, len(city))


def test_batches_keep_the_order_and_do_not_wait_for_the_whole_stream(street: Path) -> None:
    model = small()
    model.most_together = 3
    files = [str(file) for file in sorted(street.glob("*.jpg"))]
    taken: list[int] = []

    def work() -> Iterator[Pending | Skipped]:
        for number in range(200):
            taken.append(number)
            photo = Photo(str(number), files[number % len(files)], Position(50, 20))
            yield Skipped(str(number), "why not") if number % 5 == 2 else Pending(photo)

    found = describe(work(), model, workers=2)
    first = [next(found) for _ in range(9)]
    assert len(taken) < 60
    found.close()  # type: ignore[attr-defined]
    assert [each.id if isinstance(each, Skipped) else each.photo.id for each in first] == list(map(str, range(9)))
    [expected] = [each for each in describe([Pending(first[0].photo)], small()) if isinstance(each, Described)]
    assert float(np.dot(first[0].descriptor, expected.descriptor)) > 1 - 1e-6


@pytest.mark.heavy
def test_openvino_describes_as_the_cpu_does(street: Path, pictures: Pictures) -> None:
    pytest.importorskip("onnxruntime_ep_openvino")
    here, there = small(device="cpu"), small(device="openvino")
    assert there.device == "openvino" and there.fingerprint == here.fingerprint
    assert (here.embed(pictures) * there.embed(pictures)).sum(1).min() > 1 - 1e-3
    set_device("openvino")
    with Map.build(Path(street).parent / "openvino.map", street) as city:
        assert city.model.device == "openvino"
        assert city.locate(min(street.glob("*.jpg"))).found
