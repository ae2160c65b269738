"""A path or a URL goes in; which engine keeps the map there, and what to call it in a message, comes out."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^/\s]*@")  # up to the last @: a password may hold one
_NESTED = re.compile(r"(?<=records=)[^&\s,]*", re.IGNORECASE)  # a URL within the URL, perhaps percent-encoded
_PASSWORD_OPTION = re.compile(r"((?:password|token)=)[^&\s,]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a map is: the path of a file, or a URL of another engine, such as postgresql://host/db?map=city.

    As a string it is fit to be shown: without a password.
    """

    text: str

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Address) -> Address:
        return given if isinstance(given, Address) else cls(os.fspath(given))

    @property
    def scheme(self) -> str:
        """That of the URL, in small letters; empty for a file."""
        found = _SCHEME.match(self.text)
        return found.group(1).lower() if found else ""

    @property
    def file(self) -> Path | None:
        """The path of a map that is a file; None for a URL."""
        return None if self.scheme else Path(self.text)

    @property
    def name(self) -> str:
        """What people call the map: home.map of a folder's path, city of a URL that ends in ?map=city or /city."""
        if (file := self.file) is not None:
            return file.name
        parts = urlsplit(self.urls[0])
        named = parse_qs(parts.query).get("map")
        return named[0] if named else unquote(parts.path.rpartition("/")[2]) or self.scheme

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return Path(self.name).stem

    def __str__(self) -> str:
        if not self.scheme:
            return self.text
        return ",".join(_without_passwords(url) for url in self.urls)

    @property
    def typed(self) -> str:
        """As it is typed in a shell, to be shown in a command: what a URL holds means something else there."""
        return shlex.quote(str(self))

    @property
    def urls(self) -> list[str]:
        """The URLs of a list: a comma parts them where another URL begins, for a URL may hold commas of its own."""
        return re.split(r",(?=[A-Za-z][A-Za-z0-9+.-]+://)", self.text)


def _without_passwords(url: str) -> str:
    plain = _NESTED.sub(lambda found: unquote(found[0]), url)
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", plain))
