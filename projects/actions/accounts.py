"""Opening an account: the account, its protection key, its project and its owner, whole or not at all."""

import secrets

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts import audit
from accounts.crypto import create_account_key
from accounts.errors import Invalid
from accounts.ids import uuid7
from accounts.models import Account, User
from accounts.tenancy import scope
from projects.lifecycle import account_opened
from projects.models import Membership, Project
from projects.permissions import Role

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def make_slug(name: str) -> str:
    """Make a project's slug: readable where the name allows it, with a random tail so that no name can collide."""
    tail = "".join(secrets.choice(_ALPHABET) for _index in range(6))
    return f"{slugify(name)[:32].strip('-') or 'project'}-{tail}"


def open_account(name: str, kind: str, owner: User, *, description: str = "") -> tuple[Account, Project]:
    """Open an account of a kind (general or trusted) with its one project, owned by `owner`.

    Raises `Invalid` for an empty or overlong name or an unknown kind.
    """
    account = Account(id=uuid7(), name=name.strip(), kind=kind)
    try:
        account.clean_fields()
    except ValidationError as error:
        reasons = " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Invalid(
            "account.invalid",
            _("The account was not opened: %(reasons)s") % {"reasons": reasons},
            errors=error.message_dict,
        ) from None
    with scope(account.pk):
        account.save(force_insert=True)
        create_account_key(account.pk)
        project = Project(account=account, slug=make_slug(name), name=account.name, description=description)
        project.save(force_insert=True)
        membership = Membership(user=owner, role=Role.OWNER)
        membership.save(force_insert=True)
        audit.record(
            "account.open", account, detail={"kind": kind, "project": project.slug, "owner": owner.username}
        )
        audit.record("member.add", membership, detail={"role": Role.OWNER.value})
        account_opened(account)
    return account, project
