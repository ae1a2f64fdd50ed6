"""Pages of the clusters floor."""

from django.urls import path

from clusters.views import ClusterList

app_name = "clusters"

urlpatterns = [path("projects/<slug:slug>/clusters/", ClusterList.as_view(), name="clusters")]
