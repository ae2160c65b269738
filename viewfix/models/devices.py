"""Devices that models run on: execution providers of ONNX Runtime, by short names."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import BadInput
from ..optional import optional

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Device = Literal["auto", "cpu", "cuda", "tensorrt", "coreml", "directml", "openvino"]
DEVICES: tuple[Device, ...] = get_args(Device)


@dataclass(frozen=True, slots=True)
class Kind:
    """How ONNX Runtime runs models on a device.

    `provider` is the name of its execution provider, `install` how to get it, `options` are those of the provider, and
    `plugin` is the package that registers it, if ONNX Runtime itself does not have it.
    """

    provider: str
    install: str
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    plugin: str | None = None


_GPU = (
    "pip install 'viewfix[cuda]', then pip uninstall -y onnxruntime; "
    "pip install --force-reinstall --no-deps onnxruntime-gpu"
)
_EXACT = {
    "CPU": {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"},
    "GPU": {"INFERENCE_PRECISION_HINT": "f32"},
}

KINDS: Mapping[str, Kind] = {
    # TensorFloat-32 would change descriptors in the third digit.
    "cuda": Kind("CUDAExecutionProvider", _GPU, {"use_tf32": "0"}),
    "tensorrt": Kind("TensorrtExecutionProvider", f"{_GPU}; pip install tensorrt"),
    "coreml": Kind("CoreMLExecutionProvider", "use a Mac"),
    "directml": Kind(
        "DmlExecutionProvider",
        "on Windows, pip install 'viewfix[directml]', then pip uninstall -y onnxruntime; "
        "pip install --force-reinstall --no-deps onnxruntime-directml",
    ),
    "openvino": Kind(
        "OpenVINOExecutionProvider",
        "pip install 'viewfix[openvino]'",
        # By default it computes in 16 bits where the CPU can, and rounds quantised models in its own way: 0.997.
        {"load_config": json.dumps(_EXACT)},
        plugin="onnxruntime_ep_openvino",
    ),
}

RUNTIMES = frozenset(
    {
        "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm",
        "onnxruntime-silicon",
    }
)  # fmt: skip
"""The packages of ONNX Runtime for different hardware."""

AUTO = ("cuda", "directml", "coreml")
"""What `auto` tries, in this order, before the CPU. TensorRT takes minutes to prepare a model, so it must be chosen."""

_chosen: Device = "auto"


def set_device(device: Device) -> None:
    """Choose where the models that are loaded from now on run.

    Args:
        device: "auto" takes the best that works, and otherwise the CPU.

    Raises:
        BadInput: there is no device of that name.
    """
    global _chosen
    if device not in DEVICES:
        raise BadInput(f"There is no device {device!r}. Choose one of: {', '.join(DEVICES)}.")
    _chosen = device


def chosen_device() -> Device:
    """The device that `set_device` chose."""
    return _chosen


def installed_runtimes() -> list[str]:
    """The installed packages of ONNX Runtime. They share one folder, so several overwrite each other."""
    names = {str(each.metadata["Name"]).lower() for each in importlib.metadata.distributions() if each.metadata["Name"]}
    return sorted(names & RUNTIMES)


def available_devices() -> list[str]:
    """The devices whose provider is installed here, the CPU last. Whether one works shows only when it is used."""
    return [name for name, kind in KINDS.items() if _is_installed(kind)] + ["cpu"]


def open_on(device: Device, content: bytes, path: Path, options: Callable[[], Any]) -> tuple[InferenceSession, str]:
    """Open a session for a model on a device.

    Args:
        device: "auto" tries what is installed and falls back to the CPU.
        content: the model.
        path: where it comes from, for messages.
        options: makes onnxruntime.SessionOptions; called for each session that is tried.

    Returns:
        The session, and the name of the device that it runs on.

    Raises:
        BadInput: the device is not available or does not work.
        Exception: ONNX Runtime cannot run the model at all; its exceptions have no common base class.
    """
    runtime = _runtime()
    for name in AUTO if device == "auto" else () if device == "cpu" else (device,):
        kind = KINDS[name]
        if not _is_installed(kind):
            if device == "auto":
                continue
            raise _missing(name, kind)
        seen = ""
        try:
            session = _opened(runtime, kind, content, options())
            if kind.provider in session.get_providers():
                return session, name
        except Exception as error:  # its exceptions have no common base class
            seen = " ".join(str(error).split())[:200]
        if device != "auto":
            raise _unusable(name, path, seen)
    return runtime.InferenceSession(content, options(), providers=["CPUExecutionProvider"]), "cpu"


def _opened(runtime: ModuleType, kind: Kind, content: bytes, options: Any) -> InferenceSession:
    if kind.plugin is None:
        providers = [(kind.provider, dict(kind.options)), "CPUExecutionProvider"]
        return runtime.InferenceSession(content, options, providers=providers)
    options.add_provider_for_devices(_plugin_devices(kind)[:1], dict(kind.options))
    return runtime.InferenceSession(content, options)


def _plugin_devices(kind: Kind) -> list[Any]:
    """The hardware that a plugin can use, GPUs before CPUs."""
    runtime = _runtime()
    _register(kind)
    found = [each for each in runtime.get_ep_devices() if each.ep_name == kind.provider]
    return sorted(found, key=lambda each: each.ep_metadata.get("ov_device", "") == "CPU")


@functools.cache
def _register(kind: Kind) -> None:
    assert kind.plugin is not None
    library = optional(kind.plugin).get_library_path()
    _runtime().register_execution_provider_library(kind.plugin, library)


def _is_installed(kind: Kind) -> bool:
    if kind.plugin is not None:
        return importlib.util.find_spec(kind.plugin) is not None
    return kind.provider in _runtime().get_available_providers()


def _runtime() -> ModuleType:
    return importlib.import_module("onnxruntime")  # takes 0.2 s


def _missing(name: str, kind: Kind) -> BadInput:
    twice = overwritten()
    return BadInput(
        f"The device {name} is not available: ONNX Runtime here has {', '.join(available_devices())}. "
        + (twice or f"To get it: {kind.install}. Or use --device auto.")
    )


def _unusable(name: str, path: Path, seen: str) -> BadInput:
    why = f" ({seen})" if seen else ""
    return BadInput(
        f"The device {name} does not work with {path.name}{why}: the driver may be too old, or the "
        "device busy or missing. "
        + (overwritten() or "Run viewfix doctor for what is installed, or use --device auto.")
    )


def overwritten() -> str:
    """What to do if several packages of ONNX Runtime overwrite each other; empty if not."""
    several = installed_runtimes()
    if len(several) < 2:
        return ""
    best = next(name for name in several if name != "onnxruntime")
    return (
        f"{' and '.join(several)} are installed and overwrite each other: "
        f"pip uninstall -y {' '.join(several)}; pip install --no-deps {best}."
    )
