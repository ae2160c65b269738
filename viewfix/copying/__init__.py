"""Copy a map between engines and Parquet files, and compare two maps to the last bit."""

from .copy import Copied, copy, same

__all__ = ["Copied", "copy", "same"]
