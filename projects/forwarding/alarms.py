"""Telling people that a target has been failing for an hour: a project's by a notice, the platform's admins by mail."""

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop as noop

from accounts.models import PlatformRole, User
from projects.forwarding.targets import Held, HeldProject
from projects.letters import mail
from projects.models import Project
from projects.notifications import notify
from projects.permissions import Permission

log = structlog.get_logger(__name__)

NOTICE = "audit.forward.failing"
SUBJECT = noop("The audit log does not reach “%(name)s”")
TEXT = noop(
    "Forwarding has failed for an hour: %(problem)s It is tried again and again, nothing is lost meanwhile, and what"
    " waits is sent once the receiver takes it."
)


def raise_alarm(target: Held) -> None:
    """Tell who can do something about it, in the transaction that notes it."""
    values = {"name": target.row.name, "problem": target.row.problem}
    if isinstance(target, HeldProject):
        slug = Project.objects.values_list("slug", flat=True).get()
        notify(
            target.row.account_id,
            NOTICE,
            SUBJECT,
            TEXT,
            values=values,
            link=f"/projects/{slug}/audit/forwarding/",
            recipients=Permission.WEBHOOK_MANAGE,
        )
        return
    log.error("audit_forward_failing", target=str(target.row.pk))
    if settings.EMAIL_ON:
        people = User.objects.filter(platform_role=PlatformRole.ADMIN, is_active=True)
        mail(people, SUBJECT, TEXT, values=values, link="/platform/forwarding/")
