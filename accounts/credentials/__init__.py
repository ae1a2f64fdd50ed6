"""What each kind of credential consists of, and whether it works. A secret is checked on its way in, sealed, and
not shown again.
"""

from accounts.credentials.kinds import SECRETS, Secret, parse_secret, public_parts, read_secret
from accounts.credentials.testing import Finding, how_to_test, register_tester

__all__ = [
    "SECRETS",
    "Finding",
    "Secret",
    "how_to_test",
    "parse_secret",
    "public_parts",
    "read_secret",
    "register_tester",
]
