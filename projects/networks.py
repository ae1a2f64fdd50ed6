"""Ranges of addresses from which a token may be used. Pure functions over `ipaddress`."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.utils.translation import gettext as _

from accounts.errors import Invalid

MAX_NETWORKS = 20
Network = IPv4Network | IPv6Network


def _address(text: str) -> IPv4Address | IPv6Address:
    """An address; one of version 4 that arrives in the clothes of version 6 (::ffff:a.b.c.d) is of version 4."""
    found = ip_address(text.partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def networks(given: Iterable[str]) -> list[str]:
    """Return networks in their usual writing, each once; a lone address is a network of one. Raises `Invalid`."""
    found: dict[str, None] = {}
    for text in given:
        try:
            found[str(ip_network(text.strip(), strict=False))] = None
        except ValueError:
            message = _(
                "“%(text)s” is no address and no network. Write 10.1.2.3, 10.1.0.0/16 or 2001:db8::/32."
            )
            raise _invalid(message % {"text": text[:60]}) from None
    if len(found) > MAX_NETWORKS:
        raise _invalid(_("At most %(count)d networks.") % {"count": MAX_NETWORKS})
    return list(found)


def _inside(asked: Network, limit: Network) -> bool:
    same = asked.version == limit.version
    return same and asked.network_address in limit and asked.prefixlen >= limit.prefixlen


def within(wanted: list[str], limits: list[str]) -> list[str]:
    """Keep networks inside the limits: none asked for is the limits themselves. Raises `Invalid` for one outside."""
    if not limits or not wanted:
        return wanted or limits
    for text in wanted:
        if not any(_inside(ip_network(text), ip_network(limit)) for limit in limits):
            raise _invalid(_("“%(text)s” lies outside the networks of the token that asks.") % {"text": text})
    return wanted


def _invalid(message: str) -> Invalid:
    return Invalid("token.addresses", message, errors={"addresses": [message]})


def allows(allowed: Iterable[str], ip: str) -> bool:
    """Whether an address lies in one of the networks; an empty list allows every address, even an unknown one."""
    known = list(allowed)
    if not known:
        return True
    try:
        address = _address(ip)
    except ValueError:
        return False
    return any(address in network for network in map(ip_network, known) if network.version == address.version)


__all__ = ["MAX_NETWORKS", "allows", "networks", "within"]
