"""Where a webhook may go: the open internet, and nothing that only this machine or its network can reach.

The name is resolved here and the request goes to the address that was checked, so that a name which changes its
meaning in between leads nowhere.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

from crm.errors import PermanentError, TransientError

# How networks of IPv6 alone reach IPv4: the last four bytes are the address that is meant (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def check_url(url: str) -> str:
    """Return the host of an address a webhook may have. Raises ValueError, in words for people."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise ValueError("This is not a web address.") from exc
    if parts.username or parts.password:
        raise ValueError("An address may not carry a name or a password.")
    if _may_be_local(host):
        return host
    if parts.scheme != "https":
        raise ValueError("The address must begin with https://.")
    if not host or port == 0:
        raise ValueError("This is not a web address.")
    _refuse_private_literal(host)
    return host


def public_address(host: str, port: int) -> str:
    """Return an address of `host` that anybody on the internet could reach.

    Raises PermanentError when one of its addresses is private, TransientError when it has none now.
    """
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as exc:
        raise TransientError("The host name has no address.") from exc
    if not _may_be_local(host) and not all(is_public(address) for address in found):
        raise PermanentError("The host name leads into a private network.")
    return sorted(found)[0]


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the open internet."""
    parsed = ip_address(address.partition("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if parsed in NAT64:
        inner = IPv4Address(int(parsed) & 0xFFFFFFFF)
    return (inner or parsed).is_global and not parsed.is_multicast


def _may_be_local(host: str) -> bool:
    return settings.WEBHOOKS_TO_LOCALHOST and host in LOCAL_HOSTS


def _refuse_private_literal(host: str) -> None:
    try:
        literal = is_public(host)
    except ValueError:
        literal = "." in host and not host.endswith((".local", ".internal", ".localhost"))
    if not literal:
        raise ValueError("The address must be one that anybody on the internet can reach.")
