"""Connect only to addresses of the public internet, or to hosts allowed by name. Refuses everything else before a byte is sent.

A URL in a user's file may come from a recipe found somewhere, and a name may point anywhere: to this machine, the home
router, a cloud's metadata. So the name is resolved here, every address is looked at, and the connection goes to the very
address that was looked at: a second answer of the name server changes nothing. Sources and channels both use it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterable
from typing import Any

import httpcore
import httpx

KEEP = 2  # seconds; a kept connection that the other side has just closed would turn a good request into an uncertain one
REFUSED = "the address is not one of the public internet"

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out as global unicast (RFC 4291, 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What some supported Python still calls global, or what is global and yet leads inside:
_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments; a cloud's metadata is there (192.0.0.192)
            "192.88.99.0/24",  # 6to4 relays, withdrawn by RFC 7526
            "168.63.129.16/32",  # Azure's host, from inside a machine of theirs
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214: the last but one 32 bits


class Forbidden(ConnectionError):  # noqa: N818 -- said of an address, as errors.py says of troubles
    """The address is not one of the public internet, and its host is not allowed by name."""


def is_public(address: str) -> bool:
    """Say whether an IP address, and any IPv4 address packed in it, belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or any(ip in net for net in _INSIDE if net.version == ip.version):
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return True
    return (ip in _UNICAST or ip in _NAT64) and all(is_public(str(inner)) for inner in _packed(ip))


def _packed(ip: ipaddress.IPv6Address) -> Iterable[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that a gateway would reach through an IPv6 one."""
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if ip in _NAT64 or (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


def named(hosts: Collection[str]) -> frozenset[str]:
    """Return hosts allowed by name as they are compared: letter by letter, so no other spelling of one is allowed."""
    return frozenset(host.casefold().strip("[]") for host in hosts)


def addresses(host: str, port: int, *, allowed: Collection[str]) -> list[str]:
    """Return the addresses of *host* that may be connected to; raises Forbidden, or ConnectionError for no address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ConnectionError("the name of the host is not known") from None
    out = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if host.casefold().strip("[]") not in named(allowed) and not all(map(is_public, out)):
        raise Forbidden(f"{REFUSED} (allow it by name: allow_hosts)")
    return out


def dial(host: str, port: int, *, timeout: float, allowed: Collection[str]) -> socket.socket:
    """Return a connection to *host*; raises TimeoutError or ConnectionError, Forbidden among them."""
    last: OSError = ConnectionError("the name has no address")
    for address in addresses(host, port, allowed=allowed):
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            last = error
    raise last


class _Checked(httpcore.NetworkBackend):
    """Resolves, looks, and connects to what it looked at."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = named(allowed)
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError("the name has no address")
        try:
            found = addresses(host, port, allowed=self._allowed)
        except ConnectionError as error:
            raise httpcore.ConnectError(str(error)) from None
        for address in found:
            try:
                return self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last


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
