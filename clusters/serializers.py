"""What the clusters API says."""

from typing import Any, ClassVar

from rest_framework import serializers

from clusters.models import Cluster, Workload


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """A place where this project's workloads run: its walls, its capacity, and whether it answers."""

    silent = serializers.BooleanField(read_only=True)
    isolated = serializers.BooleanField(read_only=True, allow_null=True)
    capacity = serializers.DictField(read_only=True)

    class Meta:
        model = Cluster
        fields = (
            "id",
            "kind",
            "name",
            "isolated",
            "isolation",
            "isolation_detail",
            "capacity",
            "silent",
            "agent_seen_at",
        )
        read_only_fields = fields


class WorkloadSerializer(serializers.ModelSerializer[Workload]):
    """One thing of this project that runs, or ran."""

    phase = serializers.CharField(source="observed_phase", read_only=True)
    reason = serializers.CharField(read_only=True)

    class Meta:
        model = Workload
        fields: ClassVar[Any] = (
            "id",
            "kind",
            "owner_type",
            "owner_label",
            "desired",
            "phase",
            "ready",
            "reason",
            "attempt",
            "restarts",
            "exit_code",
            "peak_memory",
            "cpu_seconds",
            "log_bytes",
            "created_at",
            "started_at",
            "ended_at",
        )
        read_only_fields: ClassVar[Any] = fields
