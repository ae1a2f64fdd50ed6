"""Opening an account: the account, its protection key, its project and its owner, whole or not at all."""

import secrets
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actions.users import create_user
from accounts.crypto import create_account_key
from accounts.errors import Invalid
from accounts.ids import uuid7
from accounts.models import Account, User
from accounts.tenancy import scope
from projects.actions import links
from projects.doors.grant import Grant
from projects.lifecycle import account_opened
from projects.models import Membership, Project
from projects.permissions import Role

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def make_slug(name: str) -> str:
    """Make a project's slug: readable where the name allows it, with a random tail so that no name can collide."""
    tail = "".join(secrets.choice(_ALPHABET) for _index in range(6))
    return f"{slugify(name)[:32].strip('-') or 'project'}-{tail}"


def open_account(
    name: str,
    kind: str,
    owner: User,
    *,
    description: str = "",
    start: str = Account.Start.NONE,
    code: str = "",
) -> tuple[Account, Project]:
    """Open an account of a kind (general or trusted) with its one project, owned by `owner`.

    `start` says where its credentials are to come from. With a trusted account's `code` (an invitation's, or its code
    for requests) the link is asked for at once. Raises `Invalid` for an empty or overlong name, an unknown kind or
    start, `NotFound` for a code that leads nowhere.
    """
    account = Account(id=uuid7(), name=name.strip(), kind=kind, start=start)
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
            "account.open",
            account,
            detail={"kind": kind, "project": project.slug, "owner": owner.username, "start": start},
        )
        audit.record("member.add", membership, detail={"role": Role.OWNER.value})
        account_opened(account)
        if code:
            _ask_for_link(account, project, owner, code)
    return account, project


def _ask_for_link(account: Account, project: Project, owner: User, code: str) -> None:
    """Ask a trusted account on behalf of the new account's owner; whoever registers it is on record."""
    context = audit.current_context()
    actor = context.actor if context else audit.SYSTEM
    via = context.via if context else "command"
    grant = Grant(actor, owner.pk, account.pk, project.slug, project.name, Role.OWNER, frozenset(), via)
    links.ask(grant, code)


def choose_start(grant: Grant, start: str) -> Account:
    """Change where the account's credentials are to come from: what its pages suggest next. Raises `Invalid`."""
    if start not in Account.Start.values:
        message = _("There is no such choice.")
        raise Invalid("account.start", message, errors={"start": [message]})
    Account.objects.filter(pk=grant.account_id).update(start=start)
    account: Account = Account.objects.get(pk=grant.account_id)
    audit.record("account.start", account, detail={"start": start})
    return account


@dataclass(frozen=True, slots=True)
class Opened:
    """A new account with its project and owner; `one_time` is the password of an owner who was made along with it."""

    account: Account
    project: Project
    owner: User
    one_time: str | None


def open_account_for(
    name: str, kind: str, username: str, *, start: str = Account.Start.NONE, code: str = ""
) -> Opened:
    """Open an account for a person, who is made with a one-time password where nobody has that username.

    Raises `Invalid` for a name, kind or username that does not validate; nothing is made then.
    """
    username = username.strip()
    with transaction.atomic():
        owner, one_time = User.objects.filter(username__iexact=username).first(), None
        if owner is None:
            owner, one_time = create_user(username)
        account, project = open_account(name, kind, owner, start=start, code=code)
    return Opened(account, project, owner, one_time)
