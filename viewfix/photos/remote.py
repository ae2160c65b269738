"""Files in an object store: s3://, gs://, memory:// and the other schemes that fsspec knows."""

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
    """A file in an object store, with the part of the interface of Path that manifests need."""

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
        """The URL of a file by its name relative to this folder."""
        scheme, _, rest = self.url.partition("://")
        below = posixpath.normpath(posixpath.join(rest, name.replace("\\", "/").lstrip("/")))
        return f"{scheme}://{below}"

    def resolve(self) -> RemoteFile:
        return self

    def open(self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None) -> IO[Any]:
        """Open the file like Path.open, but raise a ViewfixError instead of an OSError."""
        with errors_named(self.url):
            file: IO[Any] = optional("fsspec").open(self.url, mode, encoding=encoding, newline=newline).open()
            return file

    def __str__(self) -> str:
        return self.url


def fetch(url: str, most_bytes: int) -> bytes:
    """Read at most `most_bytes` + 1 bytes of a photo, in one request and without querying its size first."""
    with errors_named(url):
        system, path = optional("fsspec").core.url_to_fs(url)
        try:
            content: bytes = system.cat_file(path, start=0, end=most_bytes + 1)
        except OSError:
            if system.info(path)["size"] == 0:  # S3 refuses any range of an empty file
                return b""
            raise
        return content


@contextlib.contextmanager
def errors_named(url: str) -> Iterator[None]:
    """Turn the errors of any object store, which have no common base class, into errors of one line.

    Raises:
        UnreadablePhoto: the object is missing, or cannot be read or fetched.
        BadInput: fsspec does not know the scheme.
        MissingExtra: a package for the store is not installed.
    """
    try:
        yield
    except ViewfixError:
        raise
    except ImportError as error:  # fsspec names the missing package: "Install s3fs to access S3"
        optional("fsspec")
        raise MissingExtra(
            f"{url} cannot be read: {error}. Run: pip install 'viewfix[cluster]' (s3) or gcsfs (gs)"
        ) from error
    except FileNotFoundError as error:
        raise UnreadablePhoto(f"There is nothing at {url}. Check the bucket and the name.") from error
    except Exception as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        if "Protocol not known" in why:
            raise BadInput(
                f"fsspec does not know the scheme of {url}. Use s3://, gs:// or another scheme that it knows."
            ) from error
        if isinstance(error, PermissionError) or "credential" in why.lower():
            raise UnreadablePhoto(
                f"These credentials do not allow reading {url} ({why}). Check those in the environment, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they permit."
            ) from error
        raise UnreadablePhoto(f"{url} could not be fetched ({why}). Check the address and the network.") from error
