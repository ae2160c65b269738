"""Models run by ONNX Runtime, on the CPU or on an accelerator.

docs/models.md specifies the description that each file carries.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .devices import Device, chosen_device, open_on
from .model import Model
from .preprocessing import Preprocessing

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

METADATA_KEY = "viewfix"
BATCH = 32
"""Pictures of one size that an accelerator describes at once."""
FORMAT = 1
"""Version of the description; files of later versions are refused."""


class OnnxModel(Model):
    """A model file run by ONNX Runtime. Thread-safe: any number of threads may call `embed` at once.

    Args:
        path: an .onnx file, or a folder with one in it.
        threads: cores for one picture. 1 is fastest for many pictures, with one calling thread for each core;
            None uses all cores and answers a single picture soonest.
        device: where to run it; None for what `set_device` chose. "auto" takes the best that works.
    """

    def __init__(self, path: str | Path, *, threads: int | None = None, device: Device | None = None) -> None:
        self.path = model_file(Path(path))
        content = read(self.path)
        self._session, self.device = session_on(device or chosen_device(), content, self.path, threads or _cores())
        self.most_together = 1 if self.device == "cpu" else BATCH
        about = _description(self._session, self.path)
        self.about: dict[str, Any] = about
        """The description in the file: name, licence, sources, recipe."""
        self.name, self.dim = about["name"], about["dim"]
        self.preprocessing = Preprocessing.read(about["preprocessing"])
        self.least_side_px = self.preprocessing.least_side_px
        self._fingerprint = hashlib.blake2b(content, digest_size=16).hexdigest()
        self._input, self._output = _ends(self._session, self.dim, self.path)

    @property
    def fingerprint(self) -> str:
        """A hash of the whole file, which includes weights, preprocessing and dimension."""
        return self._fingerprint

    def _embed(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        return self.embed_prepared([self.prepare(picture) for picture in pictures])

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """The input of the network for one picture, (1, ...)."""
        return self.preprocessing.apply(picture)

    def embed_prepared(self, prepared: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Describe what `prepare` returned: (N, dim) float32, every row of length 1, in order.

        On a CPU one by one: no descriptor depends on the rest of its batch, not even in the last bit, and batches are
        not faster. On an accelerator, pictures of one size go together, `most_together` at once.
        """
        found = np.empty((len(prepared), self.dim), np.float32)
        for rows in _of_one_size(prepared, self.most_together):
            found[rows] = self._run([prepared[row] for row in rows])
        return found

    def _run(self, inputs: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Run pictures of one size together; if the memory of the device is too small, half as many from then on."""
        try:
            (descriptors,) = self._session.run([self._output], {self._input: np.concatenate(inputs)})
        except Exception as error:  # those of ONNX Runtime have no common base class
            if len(inputs) == 1 or not _is_out_of_memory(error):
                raise
            half = (len(inputs) + 1) // 2
            self.most_together = min(self.most_together, half)
            log.warning(
                "The %s has too little memory for %d pictures at once; trying %d", self.device, len(inputs), half
            )
            return np.concatenate([self._run(inputs[:half]), self._run(inputs[half:])])
        lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
        if not ((lengths > 0) & (lengths < np.inf)).all():  # NaN fails too
            wrong = lengths[~((lengths > 0) & (lengths < np.inf))][0]
            raise BadInput(
                f"The model {self.name} gave a descriptor of length {wrong} for an input of shape "
                f"{inputs[0].shape}. The file {self.path} is damaged. Export it again."
            )
        return np.asarray(descriptors / lengths, np.float32)


def _of_one_size(prepared: Sequence[npt.NDArray[Any]], most: int) -> Iterator[list[int]]:
    """Rows whose inputs have one shape, at most `most` at once."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, each in enumerate(prepared):
        by_shape.setdefault(each.shape, []).append(row)
    for rows in by_shape.values():
        yield from (rows[start : start + most] for start in range(0, len(rows), most))


def _is_out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return any(words in said for words in ("out of memory", "out_of_memory", "failed to allocate", "bad_alloc"))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def model_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    inside = sorted(path.glob("*.onnx"))
    if len(inside) != 1:
        found = ", ".join(file.name for file in inside) or "none"
        raise BadInput(f"A model folder must hold exactly one .onnx file; {path} has: {found}. Pass the file itself.")
    return inside[0]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"There is no model file at {path}. Run `viewfix models` for the models that ship.") from None
    except OSError as error:
        raise BadInput(f"The model file {path} cannot be read ({error.strerror}). Check its permissions.") from None


def session(content: bytes, path: Path, threads: int) -> InferenceSession:
    """An ONNX Runtime session on the CPU for the content of `path`; BadInput if it cannot be run."""
    return session_on("cpu", content, path, threads)[0]


def session_on(device: Device, content: bytes, path: Path, threads: int) -> tuple[InferenceSession, str]:
    """An ONNX Runtime session for the content of `path`, and the device that it runs on.

    Raises:
        BadInput: the file is not a model, or the device does not work.
    """
    import onnxruntime  # takes 0.2 s

    def options() -> onnxruntime.SessionOptions:
        made = onnxruntime.SessionOptions()
        made.intra_op_num_threads = threads
        made.inter_op_num_threads = 1
        made.log_severity_level = 4  # errors are raised; keep the terminal quiet
        return made

    try:
        return open_on(device, content, path, options)
    except BadInput:
        raise
    except Exception as error:  # its exceptions have no common base class
        seen = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise BadInput(
            f"{path} is not an ONNX model that can be run, or is damaged ({len(content)} bytes; {seen}). "
            "Download or export it again."
        ) from None


def _description(session: InferenceSession, path: Path) -> dict[str, Any]:
    metadata = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in metadata:
        found = ", ".join(sorted(metadata)) or "none"
        raise BadInput(
            f"{path} has no description of its preprocessing: no '{METADATA_KEY}' in its metadata (found: {found}). "
            "Add the description as in docs/models.md."
        )
    try:
        about = json.loads(metadata[METADATA_KEY])
    except ValueError as error:
        raise BadInput(f"The description in {path} is not JSON ({error}). Write it as in docs/models.md.") from None
    wanted = {"format": int, "name": str, "dim": int, "preprocessing": dict}
    wrong = [key for key, kind in wanted.items() if not isinstance(about, dict) or not isinstance(about.get(key), kind)]
    if wrong:
        raise BadInput(f"The description in {path} lacks {', '.join(wrong)}. Write it as in docs/models.md.")
    if about["format"] > FORMAT:
        raise BadInput(
            f"{path} has format {about['format']}; this version of viewfix reads up to {FORMAT}. Upgrade viewfix."
        )
    return dict(about)


def _ends(session: InferenceSession, dim: int, path: Path) -> tuple[str, str]:
    """The names of the only input and of the first output, which must be (N, dim)."""
    inputs, output = session.get_inputs(), session.get_outputs()[0]
    if len(inputs) != 1 or len(output.shape) != 2 or output.shape[1] not in (dim, None):
        shapes = f"{len(inputs)} inputs, output of shape {output.shape}"
        raise BadInput(
            f"{path} has {shapes}; one input and an output of (N, {dim}) are required. Check 'dim' in its description."
        )
    return inputs[0].name, output.name
