"""The operation that delivers a notice: by mail, and to webhooks that can check who sent it.

Webhooks follow Standard Webhooks 1.0 (headers webhook-id, webhook-timestamp, webhook-signature: `v1,` and the base64 of
HMAC-SHA256 over `id.timestamp.body`); the body is a CloudEvents 1.0 event in JSON.
"""

import json
import smtplib
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.connector import fetch
from accounts.credentials.webhooks import signature_headers
from accounts.errors import PortalError
from accounts.models import Credential, User
from projects.models import Notice, NoticeDelivery, Project, Webhook
from projects.operations import Again, Done, Failed, Work

ATTEMPTS = 8
AT_ONCE = 20
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
State = NoticeDelivery.State


class _Refused(Exception):
    """An attempt failed; the text is for the row. `final` where another one would be the same."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def deliver(work: Work) -> Done | Again:
    """Try every delivery of a notice that is due; come back until each is sent or given up."""
    with work.scope():
        project = Project.objects.get()
        rows = NoticeDelivery.objects.filter(notice_id=work.payload["notice"])
        due = list(
            rows.filter(state=State.PENDING, next_at__lte=timezone.now())
            .select_related("notice", "user", "webhook__credential")
            .order_by("next_at")[:AT_ONCE]
        )
    for row in due:
        work.heartbeat()
        _attempt(work, row, project)
    with work.scope():
        left = rows.filter(state=State.PENDING).order_by("next_at").first()
        if left is not None:
            return Again(max(1.0, (left.next_at - timezone.now()).total_seconds()))
        failed, total = rows.filter(state=State.FAILED).count(), rows.count()
    if failed:
        raise Failed(
            _("%(failed)d of %(total)d deliveries were given up.") % {"failed": failed, "total": total}
        )
    return Done({"sent": total})


def _attempt(work: Work, row: NoticeDelivery, project: Project) -> None:
    try:
        if row.channel == NoticeDelivery.Channel.MAIL:
            _mail(row)
        else:
            _post(work, row, project)
    except _Refused as refused:
        over = refused.final or row.attempts + 1 >= ATTEMPTS
        pause = min(FIRST_PAUSE * 2**row.attempts, LONGEST_PAUSE)
        values = {
            "state": State.FAILED if over else State.PENDING,
            "problem": str(refused)[:300],
            "next_at": timezone.now() + pause,
        }
        work.log(f"{row.get_channel_display()}: {refused}")
    else:
        values = {"state": State.SENT, "problem": "", "sent_at": timezone.now()}
    with work.scope():
        NoticeDelivery.objects.filter(pk=row.pk, state=State.PENDING).update(
            attempts=row.attempts + 1, **values
        )


def _mail(row: NoticeDelivery) -> None:
    user = row.user
    assert user is not None
    if not settings.EMAIL_ON:
        raise _Refused(_("This installation sends no mail."), final=True)
    if not user.email:
        raise _Refused(_("This person has no mail address."), final=True)
    try:
        with get_connection(fail_silently=False) as connection:
            connection.send_messages([letter(row, user)])
    except smtplib.SMTPRecipientsRefused:
        raise _Refused(_("The mail server refuses this address.")) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _Refused(
            _("The mail server did not take it (%(what)s).") % {"what": type(error).__name__}
        ) from error


def letter(row: NoticeDelivery, user: User) -> EmailMessage:
    """A notice as a mail in its reader's language. A repeated one has the same Message-ID."""
    with translation.override(user.language):
        notice = row.notice
        subject = " ".join(notice.title.split())
        parts = [notice.title, notice.text, f"{settings.BASE_URL}{notice.link}" if notice.link else ""]
        foot = _("You get this because of your role in a project. Choose what is mailed: %(url)s") % {
            "url": f"{settings.BASE_URL}/notifications/"
        }
    host = settings.EMAIL_FROM_HOST
    return EmailMessage(
        subject=subject,
        body="\n\n".join([*(part for part in parts if part), f"-- \n{foot}"]),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[user.email],
        headers={"Auto-Submitted": "auto-generated", "Message-ID": f"<{row.pk}@{host}>"},
    )


def event_of(notice: Notice, project: Project) -> dict[str, object]:
    """A notice as a CloudEvents event, in English."""
    with translation.override("en"):
        return {
            "specversion": "1.0",
            "id": str(notice.pk),
            "source": f"{settings.BASE_URL}/projects/{project.slug}",
            "type": f"mlops-portal.notice.{notice.kind}",
            "time": notice.created_at.isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "project": project.slug,
                "kind": notice.kind,
                "subject": notice.title,
                "text": notice.text,
                "url": f"{settings.BASE_URL}{notice.link}" if notice.link else None,
                "values": notice.values,
            },
        }


@sensitive_variables("secret")
def _post(work: Work, row: NoticeDelivery, project: Project) -> None:
    hook = row.webhook
    assert hook is not None
    if not hook.enabled:
        raise _Refused(_("The webhook is disabled."), final=True)
    body = json.dumps(event_of(row.notice, project), ensure_ascii=False).encode()
    with work.scope():
        secret = json.loads(hook.credential.secret.reveal())["secret"]
        Credential.objects.filter(pk=hook.credential_id).update(last_used_at=timezone.now())
    headers = {
        "Content-Type": "application/cloudevents+json",
        **signature_headers(secret, str(row.pk), int(time.time()), body),
    }
    try:
        status = fetch("POST", hook.url, headers=headers, body=body).status
    except PortalError as error:
        raise _Refused(str(error.detail)) from error
    if status == 410:
        with work.scope():
            Webhook.objects.filter(pk=hook.pk).update(enabled=False)
        raise _Refused(_("The receiver is gone (410): the webhook is disabled now."), final=True)
    if not 200 <= status < 300:
        raise _Refused(_("The receiver answered %(status)d.") % {"status": status})
