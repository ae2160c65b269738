"""The HTTP service: where was this photo taken? `create_app` makes an ASGI application of maps and `Settings`."""

from ..optional import optional

for _package in ("fastapi", "uvicorn", "httptools", "websockets", "python_multipart", "prometheus_client", "limits"):
    optional(_package)  # one line that says what to install, before anything below fails without it

from .app import create_app  # noqa: E402
from .settings import Settings  # noqa: E402

__all__ = ["Settings", "create_app"]
