"""How many tries a password, or a second step, gets: tiers by person, by address, and by both.

A stranger's failed tries must not shut out the person whose name they try. So a device (by its cookie) from which this
person has signed in before has a bucket of its own, and takes from no other; an address from which they have signed
in before is spared the person's common bucket. Names that nobody has get the same buckets and the same answers.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest

from accounts import devices
from accounts.throttle import Bucket, Tier, give_back, refill, take

# One address, whoever is tried from it: an office behind one address signs in every morning.
ADDRESS = Tier("address", burst=60, seconds=6)
# One name from one address.
NAME_AND_ADDRESS = Tier("name+address", burst=5, seconds=60)
# One name, from wherever nobody has signed in under it before.
NAME = Tier("name", burst=20, seconds=30)
# One name from one device known to it.
DEVICE = Tier("device", burst=10, seconds=30)
# The second step comes after a right password, and a code has a million values: fewer and slower.
CODE_AND_ADDRESS = Tier("code+address", burst=5, seconds=60)
CODE = Tier("code", burst=10, seconds=300)
CODE_ON_DEVICE = Tier("code+device", burst=5, seconds=60)


def network_of(ip: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: a household has that many addresses."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64))
    return ip


@dataclass(frozen=True, slots=True)
class Tries:
    """The buckets that one attempt takes from."""

    buckets: tuple[Bucket, ...]

    @classmethod
    def of_name(cls, request: HttpRequest, ip: str, name: str) -> "Tries":
        """For a name and a password."""
        return cls._of(request, ip, name, (ADDRESS, NAME_AND_ADDRESS, NAME, DEVICE))

    @classmethod
    def of_code(cls, request: HttpRequest, ip: str, name: str) -> "Tries":
        """For a second step, or a proof that it is still the same person."""
        return cls._of(request, ip, name, (None, CODE_AND_ADDRESS, CODE, CODE_ON_DEVICE))

    @classmethod
    def of_address(cls, ip: str) -> "Tries":
        """For what names nobody: the answer of a passkey, the return from a provider."""
        return cls((Bucket(ADDRESS, (network_of(ip),)),))

    @classmethod
    def _of(
        cls, request: HttpRequest, ip: str, name: str, tiers: tuple[Tier | None, Tier, Tier, Tier]
    ) -> "Tries":
        by_address, by_both, by_name, by_device = tiers
        name, network = name.strip().lower(), network_of(ip)
        known_device, known_address = devices.known_as(request, ip, name)
        if known_device:
            return cls((Bucket(by_device, (name, devices.device_of(request).hex())),))
        buckets = [Bucket(by_address, (network,))] if by_address else []
        buckets.append(Bucket(by_both, (name, network)))
        if not known_address:
            buckets.append(Bucket(by_name, (name,)))
        return cls(tuple(buckets))

    def take(self) -> None:
        """Take one try, before anything is compared. Raises `accounts.throttle.Throttled`."""
        take(list(self.buckets))

    def succeeded(self) -> None:
        """Give the try back, and fill up the buckets of this place: others' failures elsewhere still count."""
        for bucket in self.buckets:
            if bucket.tier in (ADDRESS, NAME, CODE):
                give_back(bucket)
            else:
                refill(bucket)
