"""A URL of a storage of objects (s3://, gs://, memory:// and what else fsspec knows) becomes bytes or an open file."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from ..errors import BadInput, MissingExtra, UnreadablePhoto, ViewfixError
from ..optional import optional


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of such a storage, with as much of the manners of a Path as a manifest needs."""

    url: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.url).suffix

    @property
    def parts(self) -> tuple[str, ...]:
        scheme, _, rest = self.url.partition("://")
        return (f"{scheme}:", *(part for part in rest.split("/") if part))

    @property
    def parent(self) -> RemoteFile:
        scheme, _, rest = self.url.partition("://")
        return RemoteFile(f"{scheme}://{posixpath.dirname(rest)}")

    def joined(self, name: str) -> str:
        """The URL of a file that is named from here."""
        scheme, _, rest = self.url.partition("://")
        below = posixpath.normpath(posixpath.join(rest, name.replace("\\", "/").lstrip("/")))
        return f"{scheme}://{below}"

    def resolve(self) -> RemoteFile:
        return self

    def open(self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None) -> IO[Any]:
        """As that of a Path, but for BadInput where that raises OSError."""
        with reaching(self.url):
            file: IO[Any] = optional("fsspec").open(self.url, mode, encoding=encoding, newline=newline).open()
            return file

    def __str__(self) -> str:
        return self.url


def fetch(url: str, most_bytes: int) -> bytes:
    """The content of a photo, one byte more than `most_bytes` at most: one request, without asking for its size."""
    with reaching(url):
        system, path = optional("fsspec").core.url_to_fs(url)
        try:
            content: bytes = system.cat_file(path, start=0, end=most_bytes + 1)
        except OSError:
            if system.info(path)["size"] == 0:  # S3 has no range of an empty file, and says no more than that
                return b""
            raise
        return content


@contextlib.contextmanager
def reaching(url: str) -> Iterator[None]:
    """What a storage raises becomes one line: each has errors of its own, without a common base."""
    try:
        yield
    except ViewfixError:
        raise
    except ImportError as error:  # fsspec names the package of that storage: "Install s3fs to access S3"
        optional("fsspec")
        raise MissingExtra(
            f"{url} cannot be read: {error}. Run: pip install 'viewfix[cluster]' (s3) or gcsfs (gs)"
        ) from error
    except FileNotFoundError as error:
        raise UnreadablePhoto(f"There is nothing at {url}. Check the bucket and the name.") from error
    except Exception as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        if "Protocol not known" in why:
            raise BadInput(f"{url} begins as no storage that fsspec knows. Give s3://, gs:// or another.") from error
        if isinstance(error, PermissionError) or "credential" in why.lower():
            raise UnreadablePhoto(
                f"{url} may not be read with these credentials ({why}). Check those in the environment, "
                "as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they allow."
            ) from error
        raise UnreadablePhoto(f"{url} could not be fetched ({why}). Check the address and the network.") from error
