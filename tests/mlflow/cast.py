"""Makes the cast of these tests in a database of their own, and prints it as JSON. Run as a process of its
own.

Fab A: alice owns, another maintains, a third may only look. Fab B: bob owns, likewise. Each has tokens; A also one
bound to a run, made on request.
"""

import json
import sys
from datetime import timedelta

import django

django.setup()

from accounts import audit  # noqa: E402  # after django.setup()
from accounts.actions.users import create_user  # noqa: E402
from accounts.ids import uuid7  # noqa: E402
from accounts.models import User  # noqa: E402
from accounts.tenancy import scope  # noqa: E402
from projects.actions.accounts import open_account  # noqa: E402
from projects.actions.tokens import make_token, mint_run_token  # noqa: E402
from projects.models import Membership  # noqa: E402


def cast() -> dict[str, dict[str, str]]:
    found = {}
    with audit.acting_as(audit.SYSTEM, via="command"):
        for letter, username in (("a", "alice"), ("b", "bob")):
            owner, _password = create_user(username, password="correct horse battery staple")
            account, project = open_account(f"Fab {letter.upper()}", "general", owner)
            with scope(account.pk):
                viewer, _password = create_user(f"viewer-{letter}", password="correct horse battery staple")
                Membership(user=viewer, role="viewer").save(force_insert=True)
                second, _password = create_user(f"second-{letter}", password="correct horse battery staple")
                Membership(user=second, role="maintainer").save(force_insert=True)
                found[letter] = {
                    "account": str(account.pk),
                    "slug": project.slug,
                    "owner": make_token(owner, name="owner", role="owner")[1],
                    "viewer": make_token(viewer, name="viewer", role="viewer")[1],
                    "second": make_token(second, name="second", role="maintainer")[1],
                    "owner_id": str(owner.pk),
                }
    return found


def run_token(account_id: str, user_id: str, run_id: str) -> dict[str, str]:
    with audit.acting_as(audit.SYSTEM, via="command"), scope(account_id):
        user = User.objects.get(pk=user_id)
        text = mint_run_token(
            user_id=user.pk,
            purpose="run",
            name="training",
            workload_id=uuid7(),
            run_id=run_id,
            lifetime=timedelta(hours=1),
        )
    return {"token": text}


if __name__ == "__main__":
    print(json.dumps(cast() if len(sys.argv) == 1 else run_token(*sys.argv[1:])))
