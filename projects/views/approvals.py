"""The approvals inbox: of one project, and of all of a person's projects."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.tenancy import personal_scope
from projects import approvals
from projects.actions import access
from projects.doors.door import Entrance
from projects.doors.grant import Grant
from projects.doors.pages import PersonalView, ProjectView
from projects.forms_access import AccessForm, DecisionForm
from projects.models import ApprovalRequest
from projects.permissions import Permission
from projects.views.common import attempt, page_of

WAITING = ApprovalRequest.State.WAITING


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as lists show it."""

    request: ApprovalRequest
    kind: str
    mine: bool
    project: str
    url: str


def _shown(request: ApprovalRequest, user_id: UUID, slug: str, project: str) -> Shown:
    url = reverse("project:approval", args=[slug, request.pk])
    return Shown(
        request, str(approvals.kind_of(request.kind).label), request.asked_by_id == user_id, project, url
    )


def waiting_for(user_id: UUID, entrances: list[Entrance]) -> list[Shown]:
    """What waits in any project for this person to decide, and what they wait for; in a personal scope."""
    by_account = {entrance.account_id: entrance for entrance in entrances}
    condition = Q(asked_by_id=user_id)
    for entrance in entrances:
        if kinds := approvals.kinds_decided_with(entrance.permissions):
            condition |= Q(account_id=entrance.account_id, kind__in=kinds)
    rows = ApprovalRequest.objects.filter(condition, state=WAITING, account__in=by_account)
    return [
        _shown(row, user_id, by_account[row.account_id].slug, by_account[row.account_id].name)
        for row in rows.order_by("-id")[:200]
        if by_account[row.account_id].state == "active"
    ]


class AllApprovalsPage(PersonalView):
    """Everything that waits, over all of a person's projects."""

    def get(self, request: HttpRequest) -> HttpResponse:
        with personal_scope(self.user.pk):
            rows = waiting_for(self.user.pk, self.entrances)
        context = {"todo": [r for r in rows if not r.mine], "mine": [r for r in rows if r.mine]}
        return self.page(request, "projects/approvals_all.html", context)


class ApprovalsPage(ProjectView):
    """The requests of one project: what waits first, what was decided below."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.APPROVAL_ASK}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        seen = approvals.visible(grant)
        waiting = [
            _shown(row, grant.user_id, grant.slug, grant.project_name)
            for row in seen.filter(state=WAITING).order_by("-id")[:200]
        ]
        context = page_of(request, seen.exclude(state=WAITING), size=25)
        context["rows"] = [
            _shown(row, grant.user_id, grant.slug, grant.project_name) for row in context["rows"]
        ]
        context |= {
            "todo": [row for row in waiting if not row.mine],
            "mine": [row for row in waiting if row.mine],
            "api_url": f"/api/v1/projects/{grant.slug}/approvals",
        }
        return self.page(request, "projects/approvals.html", context)


class ApprovalPage(ProjectView):
    """One request with its evidence, and the decision."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.APPROVAL_ASK, "post": Permission.APPROVAL_ASK}

    def _page(
        self, request: HttpRequest, found: ApprovalRequest, form: DecisionForm, status: int = 200
    ) -> HttpResponse:
        grant, kind = self.grant, approvals.kind_of(found.kind)
        own = approvals.is_own(found, grant)
        context: dict[str, Any] = {
            "found": found,
            "kind": kind.label,
            "permission": kind.permission,
            "mine": found.asked_by_id == grant.user_id,
            "own": own,
            "alone": own and approvals.alone(kind.permission, grant),
            "evidence": approvals.evidence_of(found),
            "form": form,
            "api_url": f"/api/v1/projects/{grant.slug}/approvals/{found.pk}",
        }
        form.fields["note"].required = context["alone"]
        context["may_decide"] = found.waiting and grant.can(kind.permission) and (not own or context["alone"])
        if kind.panel is not None:
            context["panel"], beside = kind.panel(found)
            context |= beside
        return self.page(request, "projects/approval.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        return self._page(request, approvals.find_request(grant, pk), DecisionForm())

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        found, form, do = (
            approvals.find_request(grant, pk),
            DecisionForm(request.POST),
            request.POST.get("do"),
        )
        done = None
        if form.is_valid() and do == "withdraw":
            done = attempt(form, lambda: approvals.withdraw(grant, found))
        elif form.is_valid() and do in ("approve", "reject"):
            note = form.cleaned_data["note"]
            done = attempt(form, lambda: approvals.decide(grant, found, approve=do == "approve", note=note))
        if done is None:
            return self._page(request, approvals.find_request(grant, pk), form, 400)
        messages.success(request, done.get_state_display())
        return HttpResponseRedirect(reverse("project:approvals", args=[grant.slug]))


class AccessNewPage(ProjectView):
    """Asks for a permission that a page has refused for want of it."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.APPROVAL_ASK, "post": Permission.APPROVAL_ASK}

    def _page(self, request: HttpRequest, form: AccessForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "api_url": f"/api/v1/projects/{self.grant.slug}/approvals"}
        return self.page(request, "projects/access_new.html", context, status)

    def _form(self, grant: Grant, data: Any = None, **initial: Any) -> AccessForm:
        offered = [str(p) for p in Permission if access.grantable(p) and not grant.can(p)]
        return AccessForm(offered, data, initial=initial)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        asked = request.GET.get("permission", "")[:48]
        return self._page(request, self._form(grant, permission=asked, days=access.DEFAULT_DAYS))

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = self._form(grant, request.POST)
        if form.is_valid():
            made = attempt(form, lambda: access.ask_permission(grant, **form.cleaned_data))
            if made is not None:
                messages.success(request, _("Asked. You will be told what is decided."))
                return HttpResponseRedirect(reverse("project:approvals", args=[grant.slug]))
        return self._page(request, form, 400)
