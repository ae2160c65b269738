"""Text that UTF-8 can write."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """The text, with U+FFFD in place of each half of a surrogate pair that has lost its other half.

    The names of files that are not UTF-8 contain such halves.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
