"""Destroying an account's keys from the platform's pages: one admin asks, another one decides, a worker does it.

What is destroyed opens never again. So it takes an account that is suspended or closed, its project's name typed by
both, a reason, fresh proofs of presence, and two people. A platform with one admin may not wait for nobody: where there
is no other, they decide themselves, with a note, marked as self-approved, and auditors are told.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Actor
from accounts.errors import Conflict, Forbidden, Invalid, NotFound, PortalError
from accounts.models import Account, AccountKey, KeyDestruction, KeyState, PlatformRole, User
from accounts.rotation import shred
from accounts.tenancy import scope
from projects import operations
from projects.doors.grant import Grant
from projects.holdings import holders_of
from projects.models import Operation, Project
from projects.notifications import notify
from projects.operations.registry import Done, Failed
from projects.operations.work import Work
from projects.permissions import Permission

SHRED = "key.shred"
NOTICE = "key.destruction"
State = KeyDestruction.State


@dataclass(frozen=True, slots=True)
class Admin:
    """The platform admin who asks or decides, present at a browser."""

    actor: Actor
    user_id: UUID
    via: str


def ask_destruction(account_id: UUID, by: Admin, *, confirm: str, reason: str) -> KeyDestruction:
    """Ask for an account's keys to be destroyed, and tell the other admins and the account's owners.

    `confirm` is the project's slug, typed. Raises `Invalid`, `NotFound`; `Conflict` for an account in use, one without
    keys, or one for which it is asked already.
    """
    reason = reason.strip()[:500]
    if not reason:
        message = _("Say why: the reason goes on record.")
        raise Invalid("key.reason", message, errors={"reason": [message]})
    with scope(account_id):
        project = Project.objects.filter(pk=account_id).first()
        if project is None:
            raise NotFound("account.not_found", _("There is no such account."))
        _typed(project.slug, confirm)
        account = Account.objects.get(pk=account_id)
        _check_state(account)
        if not AccountKey.objects.exclude(state=KeyState.DESTROYED).exists():
            raise Conflict("key.shredded", _("The protection key of this account was destroyed."))
        _forget_old(account_id)
        asked = KeyDestruction(
            account_id=account_id,
            account_name=account.name,
            slug=project.slug,
            reason=reason,
            asked_by_id=by.user_id,
            asked_by_label=by.actor.label[:160],
        )
        try:
            with transaction.atomic():
                asked.save(force_insert=True)
        except IntegrityError:
            raise Conflict("key.shred_asked", _("This has been asked for already.")) from None
        audit.record("key.shred_ask", asked, detail={"reason": reason})
        _tell(asked, noop("%(who)s asks to destroy the keys of “%(what)s”"), except_for=by.user_id)
    return asked


def _typed(slug: str, confirm: str) -> None:
    if confirm.strip() != slug:
        message = _("To destroy the keys of “%(slug)s”, confirm with exactly that name.") % {"slug": slug}
        raise Invalid("key.confirm", message, errors={"confirm": [message]})


def _check_state(account: Account) -> None:
    if account.state == Account.State.ACTIVE:
        raise Conflict(
            "key.account_active",
            _("“%(name)s” is in use. Suspend or close the account before its keys are destroyed.")
            % {"name": account.name},
        )


def _forget_old(account_id: UUID) -> None:
    """What nobody decided in time waits no more."""
    before = timezone.now() - KeyDestruction.LIFETIME
    old = KeyDestruction.objects.filter(account_id=account_id, state=State.WAITING, created_at__lt=before)
    old.update(state=State.WITHDRAWN, decided_at=timezone.now(), error=_("Nobody decided within a week."))


def find_destruction(pk: UUID) -> KeyDestruction:
    """Return a request; raises `NotFound`."""
    found = KeyDestruction.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("key.destruction_not_found", _("There is no such request."))
    return found


def alone(user_id: UUID) -> bool:
    """Whether no other admin could decide."""
    admins = User.objects.filter(platform_role=PlatformRole.ADMIN, is_active=True)
    return not admins.exclude(pk=user_id).exists()


def approve_destruction(asked: KeyDestruction, by: Admin, *, confirm: str, note: str = "") -> Operation:
    """Have the keys destroyed: the operation that does it begins at once, and nothing stops it.

    Raises `Forbidden` to who asked while another admin could decide, `Invalid` for a name that is not the project's, or
    without a note where one decides alone; `Conflict` for a request that waits no more, or an account in use.
    """
    _typed(asked.slug, confirm)
    note, own = note.strip()[:500], asked.asked_by_id == by.user_id
    if own and not alone(by.user_id):
        raise Forbidden("key.second_admin", _("Another platform admin has to decide. You can withdraw it."))
    if own and not note:
        message = _("You decide on your own request: write down why.")
        raise Invalid("key.note", message, errors={"note": [message]})
    with scope(asked.account_id):
        _check_state(Account.objects.select_for_update().get(pk=asked.account_id))
        _move(asked, State.APPROVED, by, note=note, self_approved=own)
        detail = {"reason": asked.reason, "asked_by": asked.asked_by_label, "note": note}
        audit.record("key.shred_approve", asked, detail=detail | ({"self_approved": "yes"} if own else {}))
        _tell(
            asked, noop("%(who)s has the keys of “%(what)s” destroyed"), except_for=by.user_id, auditors=own
        )
        project = Project.objects.get()
        grant = Grant(
            by.actor, by.user_id, asked.account_id, asked.slug, project.name, "", frozenset(), by.via
        )
        return operations.submit(
            SHRED,
            target=asked,
            payload={"destruction": str(asked.pk)},
            grant=grant,
            permission="platform.admin",
        )


def reject_destruction(asked: KeyDestruction, by: Admin, note: str = "") -> KeyDestruction:
    """Refuse a request, or take one's own back. Raises `Conflict` for one that waits no more."""
    own = asked.asked_by_id == by.user_id
    with scope(asked.account_id):
        _move(asked, State.WITHDRAWN if own else State.REJECTED, by, note=note.strip()[:500])
        audit.record("key.shred_withdraw" if own else "key.shred_reject", asked, detail={"note": asked.note})
    return asked


def _move(
    asked: KeyDestruction, state: str, by: Admin, *, note: str = "", self_approved: bool = False
) -> None:
    """One guarded transition: whoever comes second finds the request decided."""
    now = timezone.now()
    rows = KeyDestruction.objects.filter(
        pk=asked.pk, state=State.WAITING, created_at__gt=now - KeyDestruction.LIFETIME
    )
    label = by.actor.label[:160]
    if not rows.update(
        state=state, decided_by_label=label, decided_at=now, note=note, self_approved=self_approved
    ):
        raise Conflict("key.shred_decided", _("This request is no longer waiting. Reload, and look again."))
    asked.refresh_from_db()


def _tell(asked: KeyDestruction, subject: str, *, except_for: UUID, auditors: bool = False) -> None:
    """Tell the other admins and the account's owners, and auditors where one person decided alone."""
    roles = [PlatformRole.ADMIN, *([PlatformRole.AUDITOR] if auditors else [])]
    people = set(User.objects.filter(platform_role__in=roles, is_active=True).values_list("pk", flat=True))
    notify(
        asked.account_id,
        NOTICE,
        subject,
        noop("Reason given: %(reason)s"),
        recipients=people | holders_of(Permission.MEMBER_MANAGE),
        values={
            "who": asked.decided_by_label or asked.asked_by_label,
            "what": asked.slug,
            "reason": asked.reason,
        },
        exclude=[except_for],
    )


def advance(work: Work) -> Done:
    """Destroy the keys, and say so on the request, in one transaction; an account in use again keeps its keys."""
    asked = find_destruction(UUID(work.payload["destruction"]))
    if asked.state != State.APPROVED:
        return Done({"versions": asked.versions, "sealed_values": asked.values_count})
    rows = KeyDestruction.objects.filter(pk=asked.pk, state=State.APPROVED)
    try:
        with work.scope():
            gone = shred(work.account_id, confirm=asked.slug, slug=asked.slug, reason=asked.reason)
            count = sum(gone.values.values())
            rows.update(
                state=State.DONE, versions=gone.versions, values_count=count, finished_at=timezone.now()
            )
    except PortalError as error:
        rows.update(state=State.FAILED, error=str(error), finished_at=timezone.now())
        raise Failed(str(error)) from None
    return Done({"versions": gone.versions, "sealed_values": count})


def ended(operation: Operation) -> None:
    """However the operation ended, the request does not wait for it: a new one may be made."""
    left = KeyDestruction.objects.filter(pk=operation.payload["destruction"], state=State.APPROVED)
    left.update(state=State.FAILED, error=operation.error, finished_at=timezone.now())


__all__ = [
    "NOTICE",
    "SHRED",
    "Admin",
    "advance",
    "alone",
    "approve_destruction",
    "ask_destruction",
    "ended",
    "find_destruction",
    "reject_destruction",
]
