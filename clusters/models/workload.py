"""One thing that runs, or should: what is wanted beside what was last seen."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto.fields import SealedField
from accounts.tenancy.models import TenantForeignKey, TenantModel
from clusters import reasons
from clusters.models.cluster import Cluster, Placement
from clusters.states import ACTIVE, Desired, Kind, Phase


class Workload(TenantModel):
    """A job (runs to its end) or a service (kept running) on a cluster.

    `owner_type`, `owner_id`: the thing of an upper floor that it works for; `name` tells several of one owner
    apart.
    `plan` is what to run, without secrets (`clusters.plans.Plan`). `generation` counts people's (re)starts
    and
    `observed_generation` those that the agent has taken up; `attempt` counts starts of the program. `pid` and
    `started_ticks` identify the shim on the portal's machine.
    """

    cluster = models.ForeignKey(Cluster, models.PROTECT, related_name="+")
    placement = TenantForeignKey(Placement, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    owner_type = models.CharField(max_length=40)
    owner_id = models.UUIDField()
    owner_label = models.CharField(max_length=255, blank=True)
    name = models.CharField(max_length=63, blank=True)
    plan = models.JSONField()
    desired = models.CharField(max_length=16, choices=Desired, default=Desired.RUNNING)
    phase = models.CharField(_("Phase"), max_length=16, choices=Phase, default=Phase.PENDING)
    ready = models.BooleanField(default=False)
    reason_code = models.CharField(max_length=32, blank=True)
    reason_facts = models.JSONField(default=dict)
    generation = models.PositiveIntegerField(default=1)
    attempt = models.PositiveIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    observed_generation = models.PositiveIntegerField(default=1)
    next_start_at = models.DateTimeField(null=True)
    pid = models.PositiveIntegerField(null=True)
    started_ticks = models.BigIntegerField(null=True)
    exit_code = models.IntegerField(null=True)
    peak_memory = models.BigIntegerField(null=True)
    cpu_seconds = models.FloatField(null=True)
    log_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "owner_type", "owner_id", "name"], name="clusters_workload_owner"
            ),
            models.CheckConstraint(
                condition=models.Q(phase__in=Phase.values), name="clusters_workload_phase"
            ),
            models.CheckConstraint(
                condition=models.Q(desired__in=Desired.values), name="clusters_workload_desired"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="clusters_workload_kind"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["cluster", "phase"], name="clusters_workload_phase_idx"),
        ]

    @property
    def label(self) -> str:
        return self.owner_label or f"{self.owner_type} {self.owner_id}"

    @property
    def observed_phase(self) -> Phase:
        """The phase, or `unknown` where it may have changed and the cluster's agent has been silent."""
        phase = Phase(self.phase)
        return Phase.UNKNOWN if phase in ACTIVE and self.cluster.silent else phase

    @property
    def reason(self) -> str:
        """Why it is in this phase, a sentence in the active language; empty where there is nothing to say."""
        why = reasons.sentence(self.reason_code, self.reason_facts)
        if why and self.restarts and self.phase in ACTIVE and self.desired == Desired.RUNNING:
            return str(reasons.CRASHED % {"why": why, "count": self.restarts})
        return why


class WorkloadLog(TenantModel):
    """Part `index` of a workload's log, sealed: its bytes from `index` × 64 KiB on. The last part grows."""

    workload = TenantForeignKey(Workload, models.CASCADE, related_name="+")
    index = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    content = SealedField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "workload", "index"], name="clusters_workloadlog_part"
            ),
        ]
