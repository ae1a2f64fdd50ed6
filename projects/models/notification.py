"""What people are told, and how it reaches them: in the portal, by mail, by signed webhook."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.models import Credential
from accounts.tenancy.models import TenantForeignKey, TenantModel
from accounts.tenancy.scope import ACCOUNT, PERSONAL
from projects.explained import explained
from projects.retold import retold


class Notice(TenantModel):
    """One thing that people are told. `subject` and `body` are messages in English that are translated as they are
    shown, with `values` put in; `link` is a path of the portal. The project is named here for readers who are not its
    members (a platform auditor).
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    project_slug = models.CharField(max_length=48)
    project_name = models.CharField(max_length=120)
    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    values = models.JSONField(default=dict)
    link = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def label(self) -> str:
        """How audit entries call this notice."""
        return self.kind

    @property
    def title(self) -> str:
        """The subject in the reader's language."""
        return str(gettext(self.subject) % self._told())

    @property
    def text(self) -> str:
        """The body in the reader's language."""
        return str(gettext(self.body) % self._told()) if self.body else ""

    def _told(self) -> dict[str, Any]:
        """The values, with a permission by its meaning, and what went wrong in the reader's language."""
        told = {
            name: explained(value) if isinstance(value, str) else value for name, value in self.values.items()
        }
        return told | ({"problem": retold(str(told["problem"]))} if "problem" in told else {})


class NoticeRecipient(TenantModel):
    """A person who is told, and when they have read it."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    notice = TenantForeignKey(Notice, models.CASCADE, related_name="recipients")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "notice", "user"], name="projects_noticerecipient_once"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["user"], condition=models.Q(read_at=None), name="projects_noticerecipient_new"
            ),
            models.Index(fields=["user", "-id"], name="projects_noticerecipient_mine"),
        ]


class Webhook(TenantModel):
    """Where a project's notices are posted to, signed with the secret of a credential of the kind webhook.

    `kinds` names the kinds of notices that are sent; empty is all of them. An address that answers 410 is disabled.
    """

    name = models.CharField(_("Name"), max_length=120)
    url = models.CharField(_("Address"), max_length=2048)
    credential = TenantForeignKey(Credential, models.PROTECT, related_name="+")
    kinds = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_label = models.CharField(max_length=160)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="projects_webhook_name",
                violation_error_message=_("A webhook of this name exists already."),
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this webhook."""
        return self.name


class NoticeDelivery(TenantModel):
    """One notice on its way to one person by mail, or to one webhook. Sent at least once: a receiver knows a repeated
    one by its id.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", _("Mail")
        WEBHOOK = "webhook", _("Webhook")

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    notice = TenantForeignKey(Notice, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, choices=Channel)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", null=True)
    webhook = TenantForeignKey(Webhook, models.CASCADE, related_name="deliveries", null=True)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    problem = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(channel="mail", user__isnull=False, webhook__isnull=True)
                | models.Q(channel="webhook", user__isnull=True, webhook__isnull=False),
                name="projects_noticedelivery_addressee",
            ),
        ]


class NotificationPreference(models.Model):
    """Which kinds of notices a person does not want by mail. One's own row; the portal itself always shows them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    mail = models.BooleanField(default=True)
    muted = models.JSONField(default=list)

    @property
    def label(self) -> str:
        """How audit entries call these preferences."""
        return self.user.username

    def wants_mail(self, kind: str) -> bool:
        """Whether a notice of this kind is mailed."""
        return self.mail and kind not in self.muted
