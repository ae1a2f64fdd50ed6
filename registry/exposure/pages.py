"""The page “who has seen this”: lineage, person × thing, and the reads as a timeline."""

from itertools import groupby
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import AuditEvent
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
        recorded = self._recorded(grant, seen)
        context |= {
            "version": version,
            "dataset": version.dataset,
            "complete": seen.lineage.complete,
            "stages": self._stages(seen, recorded, addresses),
            "people": seen.people,
            "readers": [
                {
                    "reader": reader,
                    "thing_url": addresses.thing(reader.thing.kind, reader.thing.id, None)
                    if reader.thing.key in recorded
                    else "",
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

    @staticmethod
    def _recorded(grant: Grant, seen: Exposure) -> set[str]:
        """The things that have a history: of a run whose files alone were read, the log knows the files."""
        things = seen.lineage.things
        rows = AuditEvent.objects.filter(
            account_id=grant.account_id,
            target_type__in={thing.kind for thing in things},
            target_id__in={thing.id for thing in things},
        )
        return {
            f"{kind}:{pk}" for kind, pk in rows.order_by().values_list("target_type", "target_id").distinct()
        }

    @staticmethod
    def _stages(seen: Exposure, recorded: set[str], addresses: ProjectAddresses) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind,
                "things": [
                    {
                        "thing": thing,
                        "url": addresses.thing(thing.kind, thing.id, None) if thing.key in recorded else "",
                    }
                    for thing in seen.lineage.of(kind)
                ],
            }
            for kind in KINDS
        ]
