"""Who somebody is elsewhere: at a single sign-on provider, in a directory."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from accounts.ids import uuid7


class ExternalIdentity(models.Model):
    """A person's account at a provider, known by (issuer, subject) alone: names and addresses change hands.

    `given` is what the provider's groups gave at the latest sign-in: so much, and no more, a later one takes back.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    given = models.JSONField(default=dict)
    linked_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="accounts_externalidentity_once"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call it."""
        return f"{self.subject} at {self.issuer}"
