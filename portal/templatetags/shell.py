"""What the frame of a page needs from the context: `{% load shell %}`, used by layouts only."""

from typing import Any

from django import template
from django.template.context import Context

from portal.navigation import exists, platform_navigation, project_navigation

register = template.Library()


def _path(context: Context) -> str:
    request = context.get("request")
    return request.path if request is not None else "/"


@register.simple_tag(takes_context=True)
def navigation(context: Context) -> list[dict[str, Any]]:
    """The side navigation: the page's own `nav`, else the project's (by `grant`), else the platform's."""
    if context.get("nav") is not None:
        return list(context["nav"])
    grant = context.get("grant")
    if grant is not None:
        return project_navigation(grant, _path(context))
    return platform_navigation(str(context.get("platform_role") or ""), _path(context))


@register.simple_tag(takes_context=True)
def switcher(context: Context) -> list[dict[str, Any]]:
    """The projects of the person, from the door's `entrances`, with the current one marked."""
    grant = context.get("grant")
    return [
        {
            "label": entrance.name,
            "url": f"/projects/{entrance.slug}/",
            "kind": entrance.kind,
            "active": grant is not None and entrance.slug == grant.slug,
        }
        for entrance in context.get("entrances") or []
    ]


@register.simple_tag(takes_context=True)
def page_of(context: Context, path: str, permission: str = "") -> str:
    """The address of one of the project's pages, or nothing where it does not exist or may not be opened."""
    grant = context.get("grant")
    if grant is None or (permission and not grant.can(permission)):
        return ""
    url = f"/projects/{grant.slug}/{path}"
    return url if exists(url) else ""


@register.simple_tag(takes_context=True)
def platform_links(context: Context) -> list[dict[str, Any]]:
    """The platform's pages for the menu of the person, on pages whose side navigation is a project's."""
    role = str(context.get("platform_role") or "")
    return [entry for group in platform_navigation(role, _path(context)) for entry in group["items"]]
