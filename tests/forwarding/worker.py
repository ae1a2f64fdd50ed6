"""A worker that does nothing but forward, as a process of its own: `python -m tests.forwarding.worker`."""

import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ["PORTAL_DATABASE_ROLE"] = "system"

import django  # after the environment that it reads

django.setup()

from projects.forwarding import sweep  # noqa: E402
from projects.forwarding.turns import turn  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        for lane in sweep.lanes():
            for kind, account_id, pk in lane:
                turn(kind, account_id, pk)
        time.sleep(0.02)
