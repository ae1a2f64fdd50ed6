"""The guarded connector: which addresses the portal may call on behalf of a tenant.

A tenant types a URL, and the portal's own machine calls it: without a guard that reaches the portal's
database, its neighbours and a cloud's metadata service. `check_url` resolves the host once, refuses every
address that is not public, and hands back the addresses to connect to: whoever connects must use those
and resolve nothing again, or the name may lead elsewhere by then. `settings.OUTBOUND_ALLOW`
(PORTAL_OUTBOUND_ALLOW) names the hosts (`git.fab.example`, `.fab.example`), addresses and networks
(`10.2.0.0/16`) that are called all the same, over http too.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.errors import Unprocessable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL = 2048
PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?|[0-9a-f:.]{2,45}")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class ResolvedTarget:
    """Where a URL leads: connect to one of `addresses`, under the name `host`, and follow no redirect."""

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def curl_resolve(self) -> str:
        """The pin as curl writes it: HOST:PORT:ADDRESS[,ADDRESS].

        For curl's `--resolve` and git's `http.curloptResolve`.
        """
        pinned = ",".join(f"[{address}]" if ":" in address else address for address in self.addresses)
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}:{pinned}"


def check_url(url: str) -> ResolvedTarget:
    """Resolve the host of an https URL and refuse what the portal must not call.

    Raises Unprocessable: `outbound.url_invalid` for a URL of another form (other schemes, user names,
    control characters), `outbound.refused` for a host that is unknown or internal. The two are not told
    apart: the answer would map the network.
    """
    allowed = _Allowed(settings.OUTBOUND_ALLOW)
    scheme, host, port = _parts(url)
    addresses = _resolve(host, port)
    if not addresses:
        raise _refused(host)
    named = allowed.host(host)
    if not named and not all(is_public(address) or allowed.address(address) for address in addresses):
        raise _refused(host)
    if scheme != "https" and not named and not all(allowed.address(address) for address in addresses):
        raise _invalid(
            _("Only https addresses are called; %(host)s is not among the exceptions.") % {"host": host}
        )
    return ResolvedTarget(url, scheme, host, port, tuple(str(address) for address in addresses))


def check_host(host: str, port: int, *, in_clear: bool = False) -> ResolvedTarget:
    """Resolve a host that is no URL's (a database's), and refuse what the portal must not call.

    `in_clear`: what is said there is readable on the way, so that only `settings.OUTBOUND_ALLOW` opens it, as for http.
    Raises Unprocessable: `outbound.url_invalid` for a malformed host, else `outbound.refused`.
    """
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name) or not 1 <= port <= 65535:
        raise _invalid(_("The address must be a host and a port from 1 to 65535."))
    allowed = _Allowed(settings.OUTBOUND_ALLOW)
    addresses = _resolve(name, port)
    if not addresses or not (
        allowed.host(name) or all(is_public(found) or allowed.address(found) for found in addresses)
    ):
        raise _refused(host)
    if in_clear and not allowed.host(name) and not all(allowed.address(found) for found in addresses):
        raise _invalid(
            _("%(host)s is called with TLS only; an administrator can allow it without.") % {"host": host}
        )
    return ResolvedTarget("", "tcp", name, port, tuple(map(str, addresses)))


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, looking into IPv6 forms that carry an IPv4
    address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Allowed:
    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))

    def host(self, host: str) -> bool:
        suffixes = (host[index:] for index, letter in enumerate(host) if letter == ".")
        return host in self._names or any(suffix in self._names for suffix in suffixes)

    def address(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _parts(url: str) -> tuple[str, str, int]:
    if len(url) > MAX_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise _invalid(
            _("The address must be plain ASCII of at most %(limit)d characters.") % {"limit": MAX_URL}
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _invalid(_("The address is not a URL.")) from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in PORTS or not _HOST.fullmatch(host):
        raise _invalid(_("The address must look like https://host/path."))
    if parts.username is not None or parts.password is not None:
        raise _invalid(_("The address must hold no user name or password: it is shown and logged."))
    return parts.scheme, host, PORTS[parts.scheme] if port is None else port


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in texts]


def _refused(host: str) -> Unprocessable:
    return Unprocessable(
        "outbound.refused",
        _("%(host)s is unknown, or is not an address that this portal calls. An administrator can allow it.")
        % {"host": host},
        host=host,
    )


def _invalid(detail: str) -> Unprocessable:
    return Unprocessable("outbound.url_invalid", detail)
