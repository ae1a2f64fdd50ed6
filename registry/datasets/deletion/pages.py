"""The pages of deletions: what hangs on the data, the question, and what is left to say afterwards."""

import json
from typing import ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Forbidden
from accounts.recent import STALE, require_recent, to_confirm
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt, page_of
from registry.datasets.addresses import dataset_api, version_api
from registry.datasets.deletion import asking
from registry.datasets.deletion.forms import DeletionForm
from registry.datasets.find import find_dataset, find_version
from registry.models import Dataset, DatasetDeletion, DatasetVersion


class DeletePage(ProjectView):
    """What was made of a version or a dataset, and the question whether to destroy it."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_DELETE, "post": Permission.DATASET_DELETE}

    def _chosen(self, request: HttpRequest, name: str) -> tuple[Dataset, DatasetVersion | None]:
        number = request.GET.get("version", "")
        if number.isdecimal() and len(number) < 10:
            version = find_version(self.grant, name, int(number))
            return version.dataset, version
        return find_dataset(self.grant, name), None

    def _page(
        self,
        request: HttpRequest,
        dataset: Dataset,
        version: DatasetVersion | None,
        form: DeletionForm,
        status: int,
    ) -> HttpResponse:
        depends = asking.what_depends(dataset, version)
        label = f"{dataset.name}@{version.number}" if version is not None else dataset.name
        slug = self.grant.slug
        root = version_api(slug, version) if version is not None else dataset_api(slug, dataset.name)
        context = {
            "dataset": dataset,
            "version": version,
            "label": label,
            "depends": depends,
            "groups": [
                (_("Training jobs"), depends.of("trainingjob")),
                (_("Runs"), depends.of("run")),
                (_("Models"), depends.of("modelversion")),
                (_("Endpoints"), depends.of("endpoint")),
            ],
            "form": form,
            "api_url": f"{root}/deletion",
            "body": json.dumps({"reason": "…", "confirm": label}, ensure_ascii=False),
        }
        return self.page(request, "registry/datasets/delete.html", context, status)

    @staticmethod
    def _form(
        dataset: Dataset, version: DatasetVersion | None, data: QueryDict | None = None
    ) -> DeletionForm:
        wanted = f"{dataset.name}@{version.number}" if version is not None else dataset.name
        return DeletionForm(wanted, data)

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        dataset, version = self._chosen(request, name)
        return self._page(request, dataset, version, self._form(dataset, version), 200)

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        try:
            require_recent(request)
        except Forbidden as error:
            if error.code != STALE:
                raise
            return to_confirm(request)
        dataset, version = self._chosen(request, name)
        form = self._form(dataset, version, request.POST)
        if form.is_valid():

            def act() -> DatasetDeletion:
                asking.check_confirmed(dataset, version, form.cleaned_data["confirm"])
                return asking.ask(grant, dataset, version, form.cleaned_data["reason"])

            made = attempt(form, act)
            if made is not None:
                messages.success(
                    request,
                    _("Asked. You will be told what is decided.")
                    if made.request_id
                    else _("It is being deleted. Nobody reads it any more."),
                )
                return HttpResponseRedirect(reverse("registry:dataset_deletion", args=[grant.slug, made.pk]))
        return self._page(request, dataset, version, form, 400)


class DeletionsPage(ProjectView):
    """What was deleted, or is asked to be."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_READ}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        context = page_of(request, asking.deletions(grant), size=25)
        context["api_url"] = f"/api/v1/projects/{grant.slug}/dataset-deletions"
        return self.page(request, "registry/datasets/deletions.html", context)


class DeletionPage(ProjectView):
    """One deletion with its signed statement."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_READ}

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        deletion = asking.find_deletion(grant, pk)
        context = {
            "deletion": deletion,
            "api_url": f"/api/v1/projects/{grant.slug}/dataset-deletions/{deletion.pk}",
        }
        return self.page(request, "registry/datasets/deletion.html", context)
