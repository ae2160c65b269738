"""Text that every reader of JSON accepts."""

from __future__ import annotations

from typing import overload


@overload
def whole_characters(text: str) -> str: ...
@overload
def whole_characters(text: None) -> None: ...
@overload
def whole_characters(text: str | None) -> str | None: ...
def whole_characters(text: str | None) -> str | None:
    """The text, with U+FFFD in place of each half of a surrogate pair that has lost its other half.

    Names of files that are not UTF-8 contain such halves. UTF-8 cannot write them, and JSON must not hold them.
    """
    return None if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
