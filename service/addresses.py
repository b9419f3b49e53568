"""From where a request comes: the client's address, as the server or a proxy that is trusted says (`credanchor service run`)."""

import ipaddress
from functools import lru_cache
from typing import Final

from starlette.types import Scope

UNKNOWN: Final = "unknown"
"""Of a client at a Unix socket."""

_IPV6_SITE: Final = 64


def address_of(scope: Scope) -> str:
    """As it is, for records."""
    client = scope.get("client")
    return client[0] if client else UNKNOWN


@lru_cache(4096)
def site_of(address: str) -> str:
    """Whom to hold responsible: the address, or the /64 of an IPv6 address, all of which one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False).network_address) + f"/{_IPV6_SITE}"
