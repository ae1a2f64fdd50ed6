"""Telling people: one call writes durable rows in the caller's transaction; delivery is an operation.

A kind of notice is registered once, with what pages call it. Everybody sees their notices in the portal; by mail they
come where the installation has a mail server and the person has not muted the kind; webhooks belong to the project.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.audit import SYSTEM
from accounts.models import User
from accounts.tenancy import scope
from projects.doors.grant import Grant
from projects.holdings import holders_of
from projects.models import (
    Notice,
    NoticeDelivery,
    NoticeRecipient,
    NotificationPreference,
    Project,
    Webhook,
)
from projects.operations.submit import submit
from projects.permissions import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

DELIVER = "notice.deliver"
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notice: `label` is what pages and preferences call it."""

    name: str
    label: "_StrPromise"


_kinds: dict[str, Kind] = {}


def register_notice(name: str, label: "_StrPromise") -> str:
    """Make a kind of notice known; called from an app's `ready()`. Returns the name."""
    _kinds[name] = Kind(name, label)
    return name


def notice_kinds() -> list[Kind]:
    """Every kind, by name."""
    return [_kinds[name] for name in sorted(_kinds)]


def kind_label(name: str) -> str:
    """What pages call a kind."""
    found = _kinds.get(name)
    return str(found.label) if found else name


def notify(
    account_id: UUID,
    kind: str,
    subject: str,
    body: str = "",
    *,
    link: str = "",
    recipients: str | Iterable[UUID],
    values: dict[str, Any] | None = None,
    exclude: Iterable[UUID] = (),
    webhooks: Iterable[UUID] | None = None,
) -> Notice | None:
    """Tell people something, in the caller's transaction.

    `recipients` are people's ids, or a permission: then everybody in the project who holds it. `subject` and `body` are
    English messages marked by `gettext_noop`; `values` fill their placeholders, and each reader gets them in their own
    language. `webhooks` names the ones to post to in place of all that take the kind.

    Raises `LookupError` for a kind that nobody registered. Returns None where there is nobody to tell.
    """
    if kind not in _kinds:
        raise LookupError(f"No kind of notice {kind!r}: register it with projects.notifications.")
    with scope(account_id):
        found = holders_of(recipients) if isinstance(recipients, str) else set(recipients)
        people = list(User.objects.filter(pk__in=found - set(exclude), is_active=True))
        hooks = _hooks(kind, webhooks)
        if not people and not hooks:
            return None
        slug, name = Project.objects.values_list("slug", "name").get()
        notice = Notice(
            kind=kind,
            subject=subject,
            body=body,
            values=values or {},
            link=link,
            project_slug=slug,
            project_name=name,
        )
        notice.save(force_insert=True)
        NoticeRecipient.objects.bulk_create([NoticeRecipient(notice=notice, user=user) for user in people])
        _deliver(notice, people, hooks)
        return notice


def _hooks(kind: str, named: Iterable[UUID] | None) -> list[Webhook]:
    rows = Webhook.objects.filter(enabled=True)
    if named is not None:
        return list(rows.filter(pk__in=list(named)))
    return [hook for hook in rows if not hook.kinds or kind in hook.kinds]


def _deliver(notice: Notice, people: list[User], webhooks: list[Webhook]) -> None:
    now = timezone.now()
    channel = NoticeDelivery.Channel
    rows = [
        NoticeDelivery(notice=notice, channel=channel.WEBHOOK, webhook=hook, next_at=now) for hook in webhooks
    ]
    if settings.EMAIL_ON:
        with_mail = [user for user in people if user.email]
        choices = {row.user_id: row for row in NotificationPreference.objects.filter(user__in=with_mail)}
        rows += [
            NoticeDelivery(notice=notice, channel=channel.MAIL, user=user, next_at=now)
            for user in with_mail
            if user.pk not in choices or choices[user.pk].wants_mail(notice.kind)
        ]
    if not rows:
        return
    NoticeDelivery.objects.bulk_create(rows)
    portal = Grant(SYSTEM, NOBODY, notice.account_id, "", "", "", frozenset(), "task")
    submit(
        DELIVER,
        target=notice,
        payload={"notice": str(notice.pk)},
        grant=portal,
        permission=Permission.PROJECT_UPDATE,
        idempotency_key=f"{DELIVER}:{notice.pk}",
    )
