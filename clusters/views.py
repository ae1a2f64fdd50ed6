"""The page of clusters: capacity, walls, and what runs."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clusters.models import Cluster, Workload
from projects.doors import Grant
from projects.doors.pages import ProjectView


class ClusterList(ProjectView):
    """Where this project's workloads run."""

    actions: ClassVar[dict[str, str]] = {"get": "cluster.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        context = {
            "clusters": list(Cluster.objects.filter(kind=Cluster.Kind.LOCAL)),
            "workloads": list(Workload.objects.select_related("cluster").order_by("-created_at")[:50]),
            "api": f"/api/v1/projects/{grant.slug}/workloads",
        }
        return self.page(request, "clusters/clusters.html", context)
