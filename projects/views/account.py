"""The account behind the project: what it is, its credentials, its links."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Account, AccountKey, Credential, TrustLink
from projects.actions import links
from projects.api.account import find_link
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms import ClaimForm, InvitationForm
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say
from projects.views.credentials import credential_rows


def _back(grant: Grant) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("project:account", args=[grant.slug]))


class AccountView(ProjectView):
    """What every page about the account shows."""

    def shown(
        self,
        request: HttpRequest,
        *,
        status: int = 200,
        invitation: InvitationForm | None = None,
        claim: ClaimForm | None = None,
        **context: Any,
    ) -> HttpResponse:
        """Answer with the whole page."""
        grant = self.grant
        if grant.can(Permission.CREDENTIAL_READ):
            context["credentials"] = credential_rows()
        if grant.can(Permission.LINK_READ):
            found = TrustLink.objects.exclude(state=TrustLink.State.REVOKED).order_by("-id")
            context["links"] = [{"link": link, "lends": link.lender_id == grant.account_id} for link in found]
        context |= {
            "account": Account.objects.get(pk=grant.account_id),
            "key": AccountKey.objects.filter(state=AccountKey.State.ACTIVE).defer("wrapped").first(),
            "invitation_form": invitation or InvitationForm(),
            "claim_form": claim or ClaimForm(),
            "kinds": Credential.Kind.choices,
            "api_url": f"/api/v1/projects/{grant.slug}",
        }
        response = self.page(request, "projects/account.html", context, status)
        response["Cache-Control"] = "no-store"
        return response


class AccountPage(AccountView):
    """The account, its protection key, its credentials and links."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self.shown(request)


class InvitePage(AccountView):
    """Offers to lend; the code is on this answer and nowhere else."""

    actions: ClassVar[dict[str, str]] = {"post": "link.manage"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = InvitationForm(request.POST)
        if form.is_valid():
            made = attempt(form, lambda: links.invite(grant, form.cleaned_data["note"]))
            if made is not None:
                return self.shown(request, invited=made[0], code=made[1])
        return self.shown(request, status=400, invitation=form)


class ClaimPage(AccountView):
    """Asks for what a code offers."""

    actions: ClassVar[dict[str, str]] = {"post": "link.manage"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = ClaimForm(request.POST)
        if (
            form.is_valid()
            and attempt(form, lambda: links.claim(grant, form.cleaned_data["code"])) is not None
        ):
            messages.success(request, _("Asked. The lending account decides."))
            return _back(grant)
        return self.shown(request, status=400, claim=form)


class LinkPage(ProjectView):
    """Approves or revokes a link."""

    actions: ClassVar[dict[str, str]] = {"post": "link.manage"}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        link = find_link(pk)
        act = links.approve if request.POST.get("do") == "approve" else links.revoke
        attempt_or_say(request, Permission.LINK_MANAGE, lambda: act(grant, link))
        return _back(grant)
