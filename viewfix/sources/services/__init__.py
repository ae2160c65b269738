"""Street-level picture services as sources: Panoramax, Mapillary and KartaView."""

from __future__ import annotations

from .fetch import Fetched, Outline, fetch, outline
from .open import is_service, open_service
from .options import ServiceOptions
from .source import ServiceSource

__all__ = ["Fetched", "Outline", "ServiceOptions", "ServiceSource", "fetch", "is_service", "open_service", "outline"]
