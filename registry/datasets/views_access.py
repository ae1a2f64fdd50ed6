"""The page of who may have a dataset's data, and the question before a download."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.holdings import role_names, working_robots
from projects.models import Membership
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say
from registry.datasets.actions import sensitivity as actions
from registry.datasets.addresses import dataset_api, file_api
from registry.datasets.find import find_dataset, find_file, find_version
from registry.datasets.forms_access import AskForm, GiveForm, SensitivityForm
from registry.datasets.sensitivity import GUARDED, may_have, require_access
from registry.models import Dataset, DatasetGrant


class DatasetAccessPage(ProjectView):
    """How sensitive a dataset is, who was let at it, and a way to ask."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_READ, "post": Permission.APPROVAL_ASK}

    def _page(self, request: HttpRequest, dataset: Dataset, status: int = 200, **forms: Any) -> HttpResponse:
        grant = self.grant
        rows = (
            DatasetGrant.objects.filter(dataset=dataset).select_related("user", "robot").order_by("-id")[:100]
        )
        context: dict[str, Any] = {
            "dataset": dataset,
            "guarded": dataset.sensitivity in GUARDED,
            "may_have": may_have(grant, dataset),
            "rows": list(rows),
            "level_form": SensitivityForm(initial={"sensitivity": dataset.sensitivity}),
            "give_form": self._give_form(),
            "ask_form": AskForm(initial={"days": actions.DEFAULT_DAYS}),
            "api_url": f"{dataset_api(grant.slug, dataset.name)}/grants",
            **forms,
        }
        return self.page(request, "registry/datasets/access.html", context, status)

    def _give_form(self, data: Any = None) -> GiveForm:
        members = (
            Membership.objects.filter(user__is_active=True).select_related("user").order_by("user__username")
        )
        robots = working_robots().order_by("name")
        return GiveForm(members, robots, role_names(), self.grant.user_id, data)

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        return self._page(request, find_dataset(grant, name))

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        dataset, do = find_dataset(grant, name, lock=True), request.POST.get("do")
        here = HttpResponseRedirect(reverse("registry:dataset_access", args=[grant.slug, name]))
        if do == "level":
            grant.require(Permission.DATASET_WRITE)
            return self._level(request, dataset) or here
        if do == "give":
            grant.require(Permission.ACCESS_DECIDE)
            form = self._give_form(request.POST)
            if form.is_valid() and attempt(
                form, lambda: bool(actions.give_access(grant, dataset, **form.wanted).pk)
            ):
                return here
            return self._page(request, dataset, 400, give_form=form)
        ask = AskForm(request.POST)
        if ask.is_valid() and attempt(
            ask, lambda: bool(actions.ask_access(grant, dataset, **ask.cleaned_data).pk)
        ):
            messages.success(request, _("Asked. You will be told what is decided."))
            return here
        return self._page(request, dataset, 400, ask_form=ask)

    def _level(self, request: HttpRequest, dataset: Dataset) -> HttpResponse | None:
        form = SensitivityForm(request.POST)
        if form.is_valid():
            wanted = form.cleaned_data
            done: list[Any] = []

            def act() -> bool:
                done.append(
                    actions.set_sensitivity(self.grant, dataset, wanted["sensitivity"], wanted["reason"])
                )
                return True

            if attempt(form, act):
                if done[0] is not None:
                    messages.info(
                        request, _("A lower sensitivity is decided by somebody else: it was asked for.")
                    )
                return None
        return self._page(request, dataset, 400, level_form=form)


class DatasetGrantEnd(ProjectView):
    """Ends one grant on a dataset."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.ACCESS_DECIDE}

    def post(self, request: HttpRequest, grant: Grant, name: str, pk: UUID) -> HttpResponse:
        let = actions.find_grant(find_dataset(grant, name), pk)

        def act() -> bool:
            actions.end_access(grant, let)
            return True

        attempt_or_say(request, Permission.ACCESS_DECIDE, act)
        return HttpResponseRedirect(reverse("registry:dataset_access", args=[grant.slug, name]))


class DownloadPage(ProjectView):
    """Asks why, before a file of a confidential or restricted dataset is downloaded."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_DOWNLOAD}

    def get(self, request: HttpRequest, grant: Grant, name: str, number: int) -> HttpResponse:
        version = find_version(grant, name, number)
        require_access(grant, version.dataset)
        file = find_file(version, request.GET.get("path", ""))
        context = {
            "dataset": version.dataset,
            "version": version,
            "file": file,
            "url": file_api(grant.slug, file),
        }
        return self.page(request, "registry/datasets/download.html", context)
