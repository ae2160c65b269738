"""Quote text for the user's shell, so that a command in a message can be pasted as it stands."""

from __future__ import annotations

import os
import re
import shlex

_PLAIN = re.compile(r"[A-Za-z0-9_.:/\\+-]+")


def shell_quoted(text: object, *, windows: bool = os.name == "nt") -> str:
    """A path, URL or other argument as it is typed: for POSIX shells, or for cmd.exe and PowerShell.

    A leading dash would be taken for an option, so `-x.map` becomes `./-x.map`.
    """
    word = str(text)
    if word.startswith("-"):
        word = (".\\" if windows else "./") + word
    if not windows:
        return shlex.quote(word)
    if _PLAIN.fullmatch(word):
        return word
    if "$" in word or "`" in word or '"' in word:  # PowerShell replaces these within double quotes
        return "'" + word.replace("'", "''") + "'"
    return f'"{word}"'
