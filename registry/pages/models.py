"""Pages of registered models: versions, aliases, where they came from and where they serve."""

from typing import ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Invalid, PortalError
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt_or_say
from registry.mlflow.client import Mlflow
from registry.models import Endpoint, Revision, TrainingJob
from registry.pages.tracking import headline, last_values
from registry.promotions.actions import promotions
from registry.promotions.forms import REMOVE
from registry.promotions.protecting import aliases_of
from registry.tracking import actions


class ModelList(ProjectView):
    """Registered models."""

    actions: ClassVar[dict[str, str]] = {"get": "model.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        found = Mlflow(grant.account_id).search_models(limit=50, token=request.GET.get("cursor", ""))
        serving = Endpoint.objects.filter(active__isnull=False, desired="running").values_list(
            "active__model_name", "name"
        )
        endpoints: dict[str, list[str]] = {}
        for model_name, endpoint_name in serving:
            endpoints.setdefault(model_name, []).append(endpoint_name)
        rows = [
            {
                "model": model,
                "aliases": sorted(model.aliases.items()),
                "endpoints": endpoints.get(model.name, []),
            }
            for model in found.items
        ]
        context = {
            "rows": rows,
            "next_url": f"?cursor={found.token}" if found.token else "",
            "api": f"/api/v1/projects/{grant.slug}/models",
        }
        return self.page(request, "registry/models.html", context)


class ModelPage(ProjectView):
    """A model's versions with the metrics of the runs that made them; aliases are moved here."""

    actions: ClassVar[dict[str, str]] = {"get": "model.read", "post": "model.write"}

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        model = mlflow.model(name)
        versions = mlflow.versions(name)[:50]
        runs = {}
        for version in versions[:20]:
            if version.run_id:
                try:
                    runs[version.run_id] = mlflow.run(version.run_id)
                except PortalError as error:
                    if error.status != 404:
                        raise
        keys = headline(runs.values())
        jobs = {
            job.run_id: job
            for job in TrainingJob.objects.filter(run_id__in=runs).select_related("source__project")
        }
        served = Revision.objects.filter(model_name=name, state="ready").select_related("endpoint")
        endpoints: dict[int, list[Revision]] = {}
        for revision in served:
            endpoints.setdefault(revision.model_version, []).append(revision)
        rows = [
            {
                "version": version,
                "aliases": sorted(
                    alias for alias, number in model.aliases.items() if number == version.version
                ),
                "run": runs.get(version.run_id),
                "job": jobs.get(version.run_id),
                "endpoints": endpoints.get(version.version, []),
                "metrics": last_values(runs.get(version.run_id), keys),
            }
            for version in versions
        ]
        context = {
            "model": model,
            "rows": rows,
            "metric_keys": keys,
            "aliases": sorted(model.aliases.items()),
            "protected": aliases_of(name),
            "promotions": list(promotions(name)[:20]),
            "api": f"/api/v1/projects/{grant.slug}/models/{name}/versions",
        }
        return self.page(request, "registry/model.html", context)

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        alias = request.POST.get("alias", "").strip()
        number = request.POST.get("version", "")
        removes = request.POST.get("do") == "remove"
        if not removes and not number.isdecimal():
            raise Invalid("model.version", _("Choose a model version."))
        if grant.can(Permission.MODEL_PROMOTE) and alias in aliases_of(name):
            query = urlencode({"alias": alias, "version": REMOVE if removes else number})
            return HttpResponseRedirect(f"{reverse('registry:promote', args=[grant.slug, name])}?{query}")

        def act() -> bool:
            if removes:
                actions.delete_alias(grant, name, alias)
            else:
                actions.set_alias(grant, name, alias, int(number))
            return True

        if attempt_or_say(request, Permission.MODEL_WRITE, act):
            said = (
                _("Removed the alias “%(alias)s”.")
                if removes
                else _("“%(alias)s” is version %(version)s now.")
            )
            messages.success(request, said % {"alias": alias, "version": number})
        return HttpResponseRedirect(reverse("registry:model", args=[grant.slug, name]))
