"""The account behind the project: what it is, its credentials, its links."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import Account, AccountKey, Credential, TrustLink
from projects.actions.accounts import choose_start
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.link_forms import CodeForm
from projects.permissions import Permission
from projects.views.common import attempt_or_say
from projects.views.credentials import credential_rows

ENDED = (TrustLink.State.REJECTED, TrustLink.State.REVOKED, TrustLink.State.EXPIRED)


class AccountView(ProjectView):
    """What every page about the account shows."""

    def shown(
        self,
        request: HttpRequest,
        *,
        status: int = 200,
        code_form: CodeForm | None = None,
        **context: Any,
    ) -> HttpResponse:
        """Answer with the whole page."""
        grant = self.grant
        account = Account.objects.get(pk=grant.account_id)
        if grant.can(Permission.CREDENTIAL_READ):
            context["credentials"] = credential_rows()
        if grant.can(Permission.LINK_READ):
            context["links"] = list(TrustLink.objects.exclude(state__in=ENDED).order_by("-id"))
        context |= {
            "account": account,
            "key": AccountKey.objects.filter(state=AccountKey.State.ACTIVE).defer("wrapped").first(),
            "code_form": code_form or CodeForm(),
            "takes_requests": account.lending_digest is not None,
            "starts": Account.Start.choices,
            "kinds": Credential.Kind.choices,
            "api_url": f"/api/v1/projects/{grant.slug}",
        }
        response = self.page(request, "projects/account.html", context, status)
        response["Cache-Control"] = "no-store"
        return response


class AccountPage(AccountView):
    """The account, its protection key, its credentials and links; where its credentials are to come from."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read", "post": "credential.manage"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        start = request.POST.get("start", "")
        attempt_or_say(request, Permission.CREDENTIAL_MANAGE, lambda: choose_start(grant, start))
        return HttpResponseRedirect(reverse("project:account", args=[grant.slug]))

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self.shown(request)
