"""Which client sent a request: the peer of the connection, or whom a trusted proxy names."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

from ..errors import BadInput

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Proxies whose X-Forwarded-For is believed. By default there are none, so that no client can name itself.

    Args:
        named: addresses or networks, such as 10.0.0.7, 10.0.0.0/8 or ::1.

    Raises:
        BadInput: one of them is neither.
    """

    def __init__(self, named: Sequence[str] = ()) -> None:
        self._networks = tuple(_network(each) for each in named)
        self._contains = functools.lru_cache(4096)(self._look_up)

    def __contains__(self, host: str) -> bool:
        return bool(self._networks) and self._contains(host)

    def _look_up(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The client of a request.

        Args:
            peer: the other end of the connection.
            forwarded_for: the values of all X-Forwarded-For headers, in their order.

        Returns:
            The last address of the chain that is not a trusted proxy: what stands before it, anybody can write.
        """
        chain = [part.strip() for value in forwarded_for for part in value.split(",")]
        client = peer
        while client in self and chain:
            said = _address(chain.pop())
            if said is None:
                break
            client = str(said)
        return client


def rate_key(host: str) -> str:
    """What the requests of a client are counted by: an IPv6 client has all of its /64 to send from."""
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or host)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadInput(
            f"The trusted proxy {text!r} is not an address or a network. Use one such as 10.0.0.7 or 10.0.0.0/8."
        ) from None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:4711
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:4711
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
