"""Addresses of this floor's API, below /api/v1/."""

from django.urls import include, path

from clusters.api import ClusterViewSet, WorkloadViewSet

app_name = "clusters_api"

_within = [
    path("clusters", ClusterViewSet.as_view({"get": "list"}), name="clusters"),
    path("workloads", WorkloadViewSet.as_view({"get": "list"}), name="workloads"),
]

urlpatterns = [path("projects/<slug:slug>/", include(_within))]
