"""The clusters API: where this project's workloads run, and what runs there."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from clusters.models import Cluster, Workload
from clusters.serializers import ClusterSerializer, WorkloadSerializer
from projects.doors.api import ProjectViewSet
from projects.doors.strict import PageQuery, QuerySerializer


class ClusterViewSet(ProjectViewSet):
    """Clusters that this project may use."""

    permissions: ClassVar[dict[str, str]] = {"list": "cluster.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": PageQuery}
    queryset = Cluster.objects.none()
    serializer_class = ClusterSerializer

    def list(self, request: Request) -> Response:
        """List the clusters."""
        return self.listed(Cluster.objects.filter(kind=Cluster.Kind.LOCAL), ClusterSerializer)


class WorkloadViewSet(ProjectViewSet):
    """This project's workloads, whatever they work for."""

    permissions: ClassVar[dict[str, str]] = {"list": "cluster.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": PageQuery}
    queryset = Workload.objects.none()
    serializer_class = WorkloadSerializer

    def list(self, request: Request) -> Response:
        """List the workloads, the newest first."""
        return self.listed(Workload.objects.select_related("cluster"), WorkloadSerializer)
