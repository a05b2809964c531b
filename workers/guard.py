"""Connect only to addresses of the public internet, or to hosts allowed by name. Refuses everything else before a byte is sent.

A URL in a user's file may come from a recipe found somewhere, and a name may point anywhere: to this machine, the home
router, a cloud's metadata. So the name is resolved here, every address is looked at, and the connection goes to the very
address that was looked at: a second answer of the name server changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterable
from typing import Any

import httpcore
import httpx

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
KEEP = 2  # seconds; a kept connection that the other side has just closed would turn a good request into an uncertain one
REFUSED = "the address is not one of the public internet"
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_public(address: str) -> bool:
    """Say whether an IP address, and any IPv4 address packed in it, belongs to the public internet."""
    try:
        ip: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_unspecified:
        return False
    return all(is_public(str(inner)) for inner in _packed(ip))


def _packed(ip: _Address) -> Iterable[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that a gateway would reach through an IPv6 one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if any(ip in net for net in (_NAT64, _NAT64_LOCAL, _COMPATIBLE)):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


class _Checked(httpcore.NetworkBackend):
    """Resolves, looks, and connects to what it looked at."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(name.casefold().strip("[]") for name in allowed)
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._addresses(host, port)
        last: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                return self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name of the host is not known") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if host.casefold().strip("[]") in self._allowed:
            return addresses
        if not all(is_public(address) for address in addresses):
            raise httpcore.ConnectError(f"{REFUSED} (allow it by name: allow_hosts)")
        return addresses


class Guarded(httpx.HTTPTransport):
    """A transport that reaches the public internet and *allowed* hosts alone; proxies of the environment are not used."""

    def __init__(self, allowed: Collection[str], *, verify: Any = True) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx offers no way to hand its pool a network backend; httpcore does (httpx 0.28, httpcore 1.0)
        context = verify if not isinstance(verify, bool) else httpx.create_ssl_context()
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=_Checked(allowed), keepalive_expiry=KEEP
        )
