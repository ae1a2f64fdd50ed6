"""Pages of links: offer, ask, decide, end."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Invalid
from accounts.links import Terms, parse_terms
from accounts.models import TrustLink
from projects import approvals
from projects.actions import links
from projects.actions.links import find_link
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.lease_checks import submit_check
from projects.link_forms import MAY, ApproveForm, CodeForm, TermsForm
from projects.permissions import Permission
from projects.views.account import ENDED, AccountView
from projects.views.common import attempt, attempt_or_say


def _back(grant: Grant) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("project:account", args=[grant.slug]))


class InvitePage(AccountView):
    """Offers to lend; the code is on the answer and nowhere else."""

    actions: ClassVar[dict[str, str]] = {"get": "link.manage", "post": "link.manage"}

    def _form(self, request: HttpRequest, form: TermsForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "api_url": f"/api/v1/projects/{self.grant.slug}/links"}
        return self.page(request, "projects/link_form.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._form(request, TermsForm())

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = TermsForm(request.POST)
        if form.is_valid():
            made = attempt(form, lambda: links.invite(grant, form.given))
            if made is not None:
                return self.shown(request, code=made[1], code_kind="offer")
        return self._form(request, form, 400)


class LendingCodePage(AccountView):
    """Lets others ask for a link, or stops that; the code is on the answer and nowhere else."""

    actions: ClassVar[dict[str, str]] = {"post": "link.manage"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        if request.POST.get("do") == "close":
            attempt_or_say(request, Permission.LINK_MANAGE, lambda: self._close(grant))
            return _back(grant)
        code = attempt_or_say(request, Permission.LINK_MANAGE, lambda: links.open_requests(grant))
        return _back(grant) if code is None else self.shown(request, code=code, code_kind="requests")

    @staticmethod
    def _close(grant: Grant) -> bool:
        links.close_requests(grant)
        return True


class ClaimPage(AccountView):
    """Asks for what a code offers."""

    actions: ClassVar[dict[str, str]] = {"post": "link.manage"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = CodeForm(request.POST)
        if form.is_valid():
            code, note = form.cleaned_data["code"].strip(), form.cleaned_data["note"]
            asked = attempt(
                form,
                lambda: links.ask(grant, code, note),
            )
            if asked is not None:
                messages.success(request, _("Asked. The lending account decides."))
                return HttpResponseRedirect(reverse("project:link", args=[grant.slug, asked]))
        return self.shown(request, status=400, code_form=form)


def shown_terms(link: TrustLink) -> Terms:
    """The terms as they are kept; those of a link from before they were typed have their note alone."""
    try:
        return parse_terms(link.terms)
    except Invalid:
        return Terms(note=str(link.terms.get("note", ""))[:500])


class LinkPage(ProjectView):
    """One link; its buttons decide on it or end it."""

    actions: ClassVar[dict[str, str]] = {"get": "link.read", "post": "link.manage"}

    def _shown(
        self, request: HttpRequest, link: TrustLink, status: int = 200, form: ApproveForm | None = None
    ) -> HttpResponse:
        grant, terms = self.grant, shown_terms(link)
        lends = link.lender_id == grant.account_id
        deciding = lends and link.state == TrustLink.State.REQUESTED and grant.can(Permission.LINK_MANAGE)
        own = deciding and links.asked_here(grant, link)
        alone = own and approvals.alone(Permission.LINK_MANAGE, grant)
        decision = (form or ApproveForm(terms=terms)) if deciding else None
        if decision is not None:
            decision.fields["reason"].required = alone
        context: dict[str, Any] = {
            "link": link,
            "lends": lends,
            "terms": terms,
            "may": [label for value, label in MAY if value in terms.permissions],
            "ended": link.state in ENDED,
            "own": own,
            "alone": alone,
            "terms_form": decision,
            "api_url": f"/api/v1/projects/{grant.slug}/links/{link.pk}",
        }
        return self.page(request, "projects/link.html", context, status)

    def _check(self, request: HttpRequest, grant: Grant, link: TrustLink) -> HttpResponse:
        try:
            credential = UUID(request.POST.get("credential", ""))
        except ValueError:
            return self._shown(request, link, 400)
        operation = submit_check(grant, link, credential)
        return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, operation.pk]))

    def _approve(self, link: TrustLink, form: ApproveForm) -> TrustLink:
        return links.approve(self.grant, link, form.given, form.cleaned_data["reason"])

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        return self._shown(request, find_link(pk))

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        link, reason = find_link(pk), request.POST.get("reason", "")
        match request.POST.get("do"):
            case "approve":
                form = ApproveForm(request.POST)
                if not form.is_valid() or not attempt(form, lambda: self._approve(link, form)):
                    return self._shown(request, find_link(pk), 400, form)
                messages.success(request, _("The link is active."))
            case "reject":
                attempt_or_say(request, Permission.LINK_MANAGE, lambda: links.reject(grant, link, reason))
            case "revoke":
                attempt_or_say(request, Permission.LINK_MANAGE, lambda: links.revoke(grant, link, reason))
            case "check":
                return self._check(request, grant, link)
            case _:
                return self._shown(request, link, 400)
        return HttpResponseRedirect(reverse("project:link", args=[grant.slug, pk]))
