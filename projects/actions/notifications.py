"""Reading notices, choosing what is mailed, and where a project's notices are posted to."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Credential, User
from accounts.outbound import check_url
from accounts.tenancy import personal_scope, scope
from projects.doors.grant import Grant
from projects.models import NoticeRecipient, NotificationPreference, Webhook
from projects.notifications import notice_kinds, notify

TRIAL = "webhook.test"


def my_notices(user_id: UUID, account_id: UUID | None = None) -> QuerySet[NoticeRecipient]:
    """A person's notices, to be read in their personal scope; of one account alone where a token asks."""
    rows = NoticeRecipient.objects.filter(user_id=user_id).select_related("notice")
    found: QuerySet[NoticeRecipient] = rows.filter(account_id=account_id) if account_id else rows
    return found


def mark_read(user: User, ids: list[UUID] | None = None, account_id: UUID | None = None) -> int:
    """Mark one's notices as read: those of `ids` (of the recipient's rows), or all; returns how many were new."""
    with personal_scope(user.pk):
        unread = my_notices(user.pk, account_id).filter(read_at=None)
        if ids is not None:
            unread = unread.filter(pk__in=ids)
        accounts: dict[UUID, list[UUID]] = {}
        for owner, row in unread.values_list("account_id", "pk"):
            accounts.setdefault(owner, []).append(row)
    count = 0
    for owner, rows in accounts.items():
        with scope(owner):
            mine = NoticeRecipient.objects.filter(pk__in=rows, user=user, read_at=None)
            count += mine.update(read_at=timezone.now())
    return count


def preference_of(user: User) -> NotificationPreference:
    """What a person chose, or the defaults, not yet stored."""
    return NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)


def change_preferences(
    user: User, *, mail: bool | None = None, muted: list[str] | None = None
) -> NotificationPreference:
    """Choose what is mailed. Raises `Invalid` for a kind that there is not."""
    chosen = preference_of(user)
    if muted is not None:
        unknown = sorted(set(muted) - {kind.name for kind in notice_kinds()})
        if unknown:
            message = _("There is no kind of notice “%(kind)s”.") % {"kind": unknown[0]}
            raise Invalid("notice.kind", message, errors={"muted": [message]})
        chosen.muted = sorted(set(muted))
    if mail is not None:
        chosen.mail = mail
    NotificationPreference.objects.update_or_create(
        user=user, defaults={"mail": chosen.mail, "muted": chosen.muted}
    )
    audit.record("notification.preferences", chosen, detail={"mail": chosen.mail, "muted": chosen.muted})
    return chosen


def find_webhook(pk: UUID) -> Webhook:
    """Return a webhook of the project in scope; raises `NotFound`."""
    found: Webhook | None = Webhook.objects.select_related("credential").filter(pk=pk).first()
    if found is None:
        raise NotFound("webhook.not_found", _("There is no such webhook in this project."))
    return found


def _check_kinds(kinds: list[str]) -> list[str]:
    unknown = sorted(set(kinds) - {kind.name for kind in notice_kinds()})
    if unknown:
        message = _("There is no kind of notice “%(kind)s”.") % {"kind": unknown[0]}
        raise Invalid("notice.kind", message, errors={"kinds": [message]})
    return sorted(set(kinds))


def add_webhook(
    grant: Grant, *, name: str, url: str, credential: UUID | str, kinds: list[str] | None = None
) -> Webhook:
    """Have notices of these kinds (all unless told) posted to an address.

    Raises `Unprocessable` for an address that the portal does not call, `Invalid` for a credential that is not a
    webhook's, `Conflict` for a name in use.
    """
    name = name.strip()
    if not name:
        message = _("A webhook needs a name.")
        raise Invalid("webhook.name", message, errors={"name": [message]})
    check_url(url)
    secret = Credential.objects.filter(pk=credential, kind=Credential.Kind.WEBHOOK).first()
    if secret is None:
        message = _("Choose a credential of the kind webhook: its secret signs what is sent.")
        raise Invalid("webhook.credential", message, errors={"credential": [message]})
    hook = Webhook(
        name=name,
        url=url,
        credential=secret,
        kinds=_check_kinds(kinds or []),
        created_by_label=grant.actor.person[:160],
    )
    try:
        with transaction.atomic():
            hook.save(force_insert=True)
    except IntegrityError:
        message = _("There is a webhook “%(name)s” already.") % {"name": name}
        raise Conflict("webhook.exists", message, errors={"name": [message]}) from None
    audit.record("webhook.add", hook, detail={"url": url, "kinds": hook.kinds, "credential": secret.name})
    return hook


def change_webhook(hook: Webhook, *, enabled: bool) -> Webhook:
    """Stop or resume posting."""
    hook.enabled = enabled
    hook.save(update_fields=["enabled"])
    audit.record("webhook.enable" if enabled else "webhook.disable", hook)
    return hook


def remove_webhook(hook: Webhook) -> None:
    """Forget a webhook, with what it was to be sent."""
    audit.record("webhook.remove", hook, detail={"url": hook.url})
    hook.delete()


def try_webhook(grant: Grant, hook: Webhook) -> Any:
    """Send a notice to this person and, as to every webhook that takes its kind, to this one; returns the notice.

    Raises `Conflict` for a disabled webhook.
    """
    if not hook.enabled:
        raise Conflict(
            "webhook.disabled", _("“%(name)s” is disabled. Enable it first.") % {"name": hook.name}
        )
    audit.record("webhook.try", hook)
    return notify(
        grant.account_id,
        TRIAL,
        noop("A trial of the webhook “%(name)s”"),
        noop("%(who)s has asked for it. Nothing else has happened."),
        recipients=[grant.user_id],
        values={"name": hook.name, "who": grant.actor.person},
        link=f"/projects/{grant.slug}/settings/webhooks/",
        webhooks=[hook.pk],
    )
