"""A map goes in, from any engine or a Parquet file; the same map stands in another place, compared to the last bit."""

from .copy import Copied, copy, same

__all__ = ["Copied", "copy", "same"]
