"""Addresses of this floor's pages."""

from django.urls import include, path

from registry.datasets.urls import urlpatterns as _datasets

app_name = "registry"

urlpatterns = [path("projects/<slug:slug>/", include([*_datasets]))]
