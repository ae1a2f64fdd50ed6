"""Rotating, counting and destroying keys, while the portal works. Runs in the system's processes only.

Nothing here keeps a plan: what is to be done is read from the keys' rows and the sealed columns each time, in short
transactions, so that a run that was killed at any point is finished by the next one.
"""

from accounts.rotation.accounts import rewrap_account, rotate_key
from accounts.rotation.census import count_values, values_by_version
from accounts.rotation.destroy import Shredded, destroy_unused, shred
from accounts.rotation.roots import adopt_roots, check_root_keys, rewrap_roots
from accounts.rotation.run import advance, begin, running
from accounts.rotation.tidy import tidy

__all__ = [
    "Shredded",
    "adopt_roots",
    "advance",
    "begin",
    "check_root_keys",
    "count_values",
    "destroy_unused",
    "rewrap_account",
    "rewrap_roots",
    "rotate_key",
    "running",
    "shred",
    "tidy",
    "values_by_version",
]
