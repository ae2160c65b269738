"""Where a map is: the path of a file, or the URL of another engine; shown without its password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import BadInput
from ..shell import shell_quoted

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WITHOUT_SLASHES = re.compile(r"(?:postgres|postgresql|milvus):(?!//)", re.IGNORECASE)
_BEGINS = re.compile(rf"{_SCHEME.pattern}|^{_WITHOUT_SLASHES.pattern}", re.IGNORECASE)
_OPTIONS = re.compile(r"\?(?=[A-Za-z_]+=)")  # where a URL's options begin: a password may hold a question mark too
_NESTED = re.compile(r"(?<=records=)[^&\s,]*", re.IGNORECASE)  # a URL within the URL, perhaps percent-encoded
_SECRET_OPTION = re.compile(rf"((?:password|token)=)((?:(?!,{_SCHEME.pattern})[^&])*)", re.IGNORECASE)
_USER = re.compile(r"([^:/?#@\[]*):(.*)", re.DOTALL)
_PORT = re.compile(r"\d*(?:[/,?].*)?", re.DOTALL)
_UNENCODED = re.compile(r"[/?#@\s]|%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a map is: the path of a file, or a URL of another engine, such as postgresql://host/db?map=city.

    As a string it can be shown: it has no password.
    """

    text: str

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Address) -> Address:
        return given if isinstance(given, Address) else cls(os.fspath(given))

    @property
    def scheme(self) -> str:
        """The scheme of a URL, in lower case; empty for a file."""
        found = _SCHEME.match(self.text)
        return found.group(1).lower() if found else ""

    @property
    def file(self) -> Path | None:
        """The path of a map that is a file; None for a URL."""
        return None if self.scheme else Path(self.text)

    @property
    def name(self) -> str:
        """The short name of the map: home.map for a path, city for a URL that ends in ?map=city or /city."""
        if (file := self.file) is not None:
            return file.name
        try:
            parts = urlsplit(self.urls[0])
        except ValueError:  # brackets that are not of an IPv6 address
            return self.scheme
        named = parse_qs(parts.query).get("map")
        return named[0] if named else unquote(parts.path.rpartition("/")[2]) or self.scheme

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return Path(self.name).stem

    def __str__(self) -> str:
        return _without_passwords(self.text)

    @property
    def typed(self) -> str:
        """The address without passwords, quoted for a shell, to be shown in a command."""
        return shell_quoted(self)

    @property
    def urls(self) -> list[str]:
        """The URLs of a list. A comma is a separator only where another URL begins: a URL may contain commas."""
        return re.split(r",(?=[A-Za-z][A-Za-z0-9+.-]*://)", self.text)

    def check_password(self) -> None:
        """Refuse a password that must be percent-encoded: its end would be taken for a host, and shown.

        Raises:
            BadInput: it contains / ? # @, white space, or a % that is not part of an escape.
        """
        for user, password in _passwords(self.text):
            if _UNENCODED.search(password):
                raise BadInput(
                    f"The password of the user {user!r} in {self} contains a character that a URL cannot: one of / ? # "
                    "@ %, or a space. Write it percent-encoded (/ as %2F, @ as %40, % as %25), or leave it out of the "
                    "URL and set PGPASSWORD or ~/.pgpass."
                )

    def without_secrets(self, message: str) -> str:
        """Mask the passwords of this URL in a message of a server or a library."""
        found = [password for _, password in _passwords(self.text)]
        found += [value[1] for value in _SECRET_OPTION.findall(self.text)]
        for secret in sorted({*found, *map(unquote, found)}, key=len, reverse=True):
            if secret:
                message = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)" if secret.isalnum() else re.escape(secret),
                                 "***", message)  # fmt: skip
        return message


def _segments(text: str) -> list[str]:
    """The text before the first URL, and each URL of a list or within another one."""
    starts = [0, *(found.start() for found in _BEGINS.finditer(text)), len(text)]
    return [text[start:end] for start, end in zip(starts, starts[1:], strict=False)]


def _split(segment: str) -> tuple[str, str, str, str] | None:
    """A URL as the text before its user, the user, the password, and the rest; None without a password."""
    begins = _BEGINS.match(segment)
    if begins is None:
        return None
    start, body = segment[: begins.end()], segment[begins.end() :]
    options = _OPTIONS.search(body)
    head = body[: options.start()] if options else body
    found = _USER.match(head)
    if found is None:
        return None
    user, rest = found.groups()
    if "@" in rest:
        at = len(user) + 1 + rest.rindex("@")
    elif _PORT.fullmatch(rest):  # a host with its port
        return None
    else:  # its host is missing, or follows what looked like options
        at = body.rindex("@") if "@" in body[len(head) :] else len(head)
    return start, user, body[len(user) + 1 : at], body[at:]


def _passwords(text: str) -> list[tuple[str, str]]:
    """The users and passwords of all URLs in a text."""
    nested = _NESTED.sub(lambda found: unquote(found[0]), text)
    parts = [each for one in {text, nested} for segment in _segments(one) if (each := _split(segment)) is not None]
    return [(user, password) for _, user, password, _ in parts]


def _without_passwords(text: str) -> str:
    if _BEGINS.match(text) is None:  # the path of a file
        return text
    shown = ""
    for segment in _segments(_NESTED.sub(lambda found: unquote(found[0]), text)):
        parts = _split(segment)
        shown += segment if parts is None else f"{parts[0]}{parts[1]}:***{parts[3]}"
    return _SECRET_OPTION.sub(r"\1***", shown)
