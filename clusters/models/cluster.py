"""Where things run, and an account's place there."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantModel

SILENT_AFTER = timedelta(seconds=30)


class Cluster(models.Model):
    """A place where workloads run. It belongs to no account: a tenant reaches it by its `Placement`.

    Everyone may read the installation's own `local` cluster (its capacity and walls), only the system role
    writes it.
    """

    class Kind(models.TextChoices):
        LOCAL = "local", _("The portal's machine")
        KUBERNETES = "kubernetes", _("Kubernetes")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(_("Name"), max_length=120)
    isolation = models.CharField(max_length=16, blank=True)
    isolation_detail = models.CharField(max_length=500, blank=True)
    capacity = models.JSONField(default=dict)
    agent_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="local"), name="clusters_cluster_one_local"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["local", "kubernetes"]), name="clusters_cluster_kind"
            ),
        ]

    @property
    def label(self) -> str:
        return self.name

    @property
    def silent(self) -> bool:
        """Whether nothing has been heard from its agent for so long that what we show of it may be wrong."""
        return self.agent_seen_at is None or timezone.now() - self.agent_seen_at > SILENT_AFTER

    @property
    def isolated(self) -> bool | None:
        """Whether workloads are walled off from each other there; None before its agent has looked."""
        return self.isolation != "none" if self.isolation else None

    @property
    def isolation_words(self) -> str:
        """What the agent found about the walls between workloads, in the reader's language."""
        return gettext(self.isolation_detail) if self.isolation_detail else ""


class Placement(TenantModel):
    """An account's place on a cluster: a namespace there (on the local cluster a name for its folders and
    user).
    """

    cluster = models.ForeignKey(Cluster, models.PROTECT, related_name="+")
    namespace = models.CharField(max_length=63)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "cluster"], name="clusters_placement_once"),
        ]
