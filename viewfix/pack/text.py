"""Text that can be encoded as UTF-8."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """Replace each lone surrogate with U+FFFD. File names that are not UTF-8 contain lone surrogates."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
