"""How many values one core seals and opens again in a second; beside Fernet and bare AES-GCM in the same run.

    .venv/bin/python benchmarks/crypto.py [--rounds N] [--bytes N]

`seal and unseal` is what the code calls, in an open scope of an account, on a real PostgreSQL: the key's row is read
and locked once per scope. `key in hand` leaves the scope out. Each value has a data key of its own, wrapped under the
account's key with a commitment to that, and is bound to its place; the peers have one key for all values and no place,
so they do less. Best of the rounds, taken in turn, one thread. Prints JSON: round trips per second, and ratios.
"""

import argparse
import cProfile
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CODE))
os.environ["PORTAL_HOME"] = tempfile.mkdtemp(prefix="portal-bench-", dir="/tmp")  # a database's folder
os.environ["PORTAL_DATABASE_ROLE"] = "system"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django  # noqa: E402

django.setup()

from cryptography.fernet import Fernet  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from django.conf import settings  # noqa: E402

from accounts.audit import SYSTEM, acting_as  # noqa: E402
from accounts.crypto import Place, seal, unseal  # noqa: E402
from accounts.crypto.keys import active_key  # noqa: E402
from accounts.crypto.sealing import ProtectionKey  # noqa: E402
from accounts.ids import uuid7  # noqa: E402
from accounts.models import Account, User  # noqa: E402
from accounts.tenancy import scope  # noqa: E402
from portal.engines.postgres import Postgres  # noqa: E402
from projects.actions.accounts import open_account  # noqa: E402

FLOOR = 20_000
_TURNS = 4000
_CONTEXT = b"the place of a value, as associated data" * 3


def rate(work: Callable[[], Any]) -> float:
    """Round trips per second of this thread's time on a core, over a few thousand of them."""
    started = time.thread_time()
    for _turn in range(_TURNS):
        work()
    return _TURNS / (time.thread_time() - started)


def ways(account_id: Any, content: bytes) -> dict[str, Callable[[], Any]]:
    """What is measured, by name; inside the account's scope."""
    place = Place(account_id, "accounts.Credential", uuid7(), "secret", 1)
    key = ProtectionKey(*active_key(account_id))
    fernet, plain = Fernet(Fernet.generate_key()), AESGCM(os.urandom(32))

    def bare() -> bytes:
        nonce = os.urandom(12)
        return plain.decrypt(nonce, plain.encrypt(nonce, content, _CONTEXT), _CONTEXT)

    return {
        "seal and unseal": lambda: unseal(seal(content, place), place),
        "key in hand": lambda: key.unseal(key.seal(content, place), place),
        "Fernet": lambda: fernet.decrypt(fernet.encrypt(content)),
        "AES-256-GCM, one key": bare,
    }


def main() -> int:
    """Start a database, measure, print; 1 where the floor is not reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bytes", type=int, default=64)
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead")
    options = parser.parse_args()
    with Postgres(settings.LOCATIONS).running():
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        owner = os.environ | {"PORTAL_DATABASE_ROLE": "owner"}
        subprocess.run(migrate, cwd=CODE, env=owner, check=True)  # our own command
        with acting_as(SYSTEM, via="command"):
            person = User.objects.create(username="bench")
            account = open_account("Bench", Account.Kind.GENERAL, person)[0]
        with scope(account.pk):
            measured = ways(account.pk, os.urandom(options.bytes))
            for work in measured.values():
                rate(work)
            if options.profile:
                cProfile.runctx(
                    "rate(work)", globals(), {"work": measured["seal and unseal"]}, sort="tottime"
                )
                return 0
            best = dict.fromkeys(measured, 0.0)
            for _round in range(options.rounds):
                for name, work in measured.items():
                    best[name] = max(best[name], rate(work))
    ours = best["seal and unseal"]
    told = {
        "bytes": options.bytes,
        "round_trips_per_second": {name: round(value) for name, value in best.items()},
        "ratio": {name: round(ours / value, 2) for name, value in best.items() if name != "seal and unseal"},
        "floor": FLOOR,
    }
    print(json.dumps(told, indent=2))
    return 0 if ours >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
