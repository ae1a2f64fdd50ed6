"""Every app's pages and API under one roof: `<app>/urls.py` at the root, `<app>/api_urls.py` below /api/v1/."""

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

FLOORS = ("accounts", "projects", "clusters", "registry")


def _included(module: str, prefix: str) -> list[URLResolver]:
    return [
        path(prefix, include(f"{name}.{module}"))
        for name in FLOORS
        if module_has_submodule(import_module(name), module)
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="portal/api_browser.html"),
        name="api-browser",
    ),
    path("i18n/", include("django.conf.urls.i18n")),
    *_included("api_urls", "api/v1/"),
    path("api/v1/", include("portal.api_urls")),
    *_included("urls", ""),
    path("", include("portal.page_urls")),
]
handler400 = "portal.problems.bad_request"
handler403 = "portal.problems.forbidden"
handler404 = "portal.problems.not_found"
handler500 = "portal.problems.broken"
