"""The page “who has seen this”: lineage, person × thing, and the reads as a timeline."""

from itertools import groupby
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from projects.audit_chart import histogram
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.audit import ProjectAddresses
from projects.views.audit_parts import NEWEST_FIRST, linked
from projects.views.common import page_of
from registry.exposure.question import Exposure, version_by_id, who_has_seen

KINDS = ("datasetversion", "trainingjob", "run", "modelversion", "endpoint")


class SeenPage(ProjectView):
    """Who has seen a dataset version and everything made from it. Asking is recorded."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.AUDIT_READ}

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        version = version_by_id(grant, pk)
        seen = who_has_seen(grant, version)
        addresses = ProjectAddresses(grant.slug)
        context = page_of(request, seen.reads, ordering=NEWEST_FIRST)
        shown = linked(context["rows"], addresses)
        context |= {
            "version": version,
            "dataset": version.dataset,
            "complete": seen.lineage.complete,
            "stages": self._stages(seen, addresses),
            "people": seen.people,
            "readers": [
                {
                    "reader": reader,
                    "thing_url": addresses.thing(reader.thing.kind, reader.thing.id, None),
                    "person_url": addresses.person(reader.person),
                }
                for reader in seen.readers
            ],
            "chart": {**histogram(seen.reads, {}, {}), "bars": []},
            "days": [(day, list(each)) for day, each in groupby(shown, key=lambda one: one.event.at.date())],
            "log_url": reverse("project:audit", args=[grant.slug]),
            "api_url": f"/api/v1/projects/{grant.slug}/datasets/{version.dataset.name}/versions/{version.number}/seen",
        }
        return self.page(request, "registry/datasets/seen.html", context)

    def _stages(self, seen: Exposure, addresses: ProjectAddresses) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind,
                "things": [
                    {"thing": thing, "url": addresses.thing(thing.kind, thing.id, None)}
                    for thing in seen.lineage.of(kind)
                ],
            }
            for kind in KINDS
        ]
