"""A project's home: the strip from data to endpoint, what is being done, what was done last."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Count, Q, Window
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.models import AuditEvent
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.models import Operation, Project
from projects.permissions import Permission
from projects.views.activity import UNDER_WAY, listed
from registry.datasets.sensitivity import visible
from registry.models import Dataset, Endpoint, Revision, TrainingJob

Step = dict[str, Any]


def _datasets(grant: Grant, root: str) -> Step:
    counted = visible(grant, Dataset.objects.all()).annotate(total=Window(Count("pk")))
    newest = counted.order_by("-id").values_list("name", "total").first()
    return {
        "label": _("Data"),
        "icon": "database",
        "url": f"{root}datasets/",
        "count": newest[1] if newest else 0,
        "note": newest[0] if newest else _("Upload a first data set"),
    }


def _training(grant: Grant, root: str) -> Step:
    newest = TrainingJob.objects.select_related("operation").order_by("-id").first()
    note = _("Launch a first training job")
    if newest is not None:
        note = f"#{newest.number} {newest.operation.get_state_display()}"
    return {
        "label": _("Run"),
        "icon": "cpu",
        "url": f"{root}training/",
        "count": newest.number if newest is not None else 0,  # jobs are numbered without gaps and stay
        "note": note,
    }


def _models(grant: Grant, root: str) -> Step:
    registered = TrainingJob.objects.exclude(register_as="").filter(operation__state="succeeded")
    names = set(registered.values_list("register_as", flat=True))
    names |= set(Revision.objects.values_list("model_name", flat=True).distinct())
    return {
        "label": _("Model"),
        "icon": "box",
        "url": f"{root}models/",
        "count": len(names),
        "note": ", ".join(sorted(names)[:2]) or _("Register what a run has learned"),
    }


def _endpoints(grant: Grant, root: str) -> Step:
    answers = Q(desired=Endpoint.Desired.RUNNING, active__isnull=False)
    counted = Endpoint.objects.aggregate(all=Count("pk"), serving=Count("pk", filter=answers))
    count = counted["all"]
    note = _("%(count)d serving") % {"count": counted["serving"]} if count else _("Deploy a first model")
    return {
        "label": _("Endpoint"),
        "icon": "hdd-network",
        "url": f"{root}endpoints/",
        "count": count,
        "note": note,
    }


STEPS: tuple[tuple[str, Callable[[Grant, str], Step]], ...] = (
    (Permission.DATASET_READ, _datasets),
    (Permission.TRAINING_READ, _training),
    (Permission.MODEL_READ, _models),
    (Permission.ENDPOINT_READ, _endpoints),
)


def strip(grant: Grant) -> list[Step]:
    """Return the steps that this grant may see; the first one without anything is the one to take next."""
    root = f"/projects/{grant.slug}/"
    steps = [step(grant, root) for permission, step in STEPS if grant.can(permission)]
    for step in steps:
        if not step["count"]:
            step["next"] = True
            break
    return steps


def under_way(grant: Grant, limit: int) -> list[dict[str, Any]]:
    """Return what is queued or running, newest first."""
    if not grant.can(Permission.OPERATION_READ):
        return []
    rows = Operation.objects.filter(state__in=UNDER_WAY).order_by("-id")[:limit]
    return [listed(operation, grant.slug) for operation in rows]


class Home(ProjectView):
    """Where the project stands."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        recent = Operation.objects.order_by("-id")[:8] if grant.can(Permission.OPERATION_READ) else []
        events: list[AuditEvent] = []
        if grant.can(Permission.AUDIT_READ):
            events = list(AuditEvent.objects.filter(account_id=grant.account_id).order_by("-at", "-id")[:10])
        context = {
            "steps": strip(grant),
            "operations": [listed(operation, grant.slug) for operation in recent],
            "events": events,
            "project": Project.objects.get(),
        }
        return self.page(request, "portal/home.html", context)


class Summary(ProjectView):
    """The inside of a dashboard card."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        context = {"steps": strip(grant), "operations": under_way(grant, 3)}
        return self.page(request, "portal/partials/summary.html", context)
