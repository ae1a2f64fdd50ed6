"""Pages of credentials: bring one, see what relies on it, test, rotate, reveal, forget. No secret is on them but one
that was just revealed.
"""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.actions import credentials as actions
from accounts.actions.credentials import find_credential
from accounts.credentials.dependants import dependants_of
from accounts.errors import Forbidden, NotFound
from accounts.models import AuditEvent, Credential, CredentialTest
from accounts.recent import STALE, require_recent, to_confirm
from projects.api.credentials import SEALED, newest_tests, shown_parts
from projects.credential_forms import PARTS, CredentialForm, ReasonForm, SwitchForm
from projects.credential_tests import KIND, submit_test
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.models import Operation, State
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say

SOON = timedelta(days=30)
HISTORY = 12


def expiry_of(credential: Credential) -> str:
    """`past`, `soon` or an empty text: whether a credential ends, as far as is known."""
    if credential.expires_at is None:
        return ""
    now = timezone.now()
    return "past" if credential.expires_at <= now else "soon" if credential.expires_at <= now + SOON else ""


def credential_rows() -> list[dict[str, Any]]:
    """The account's credentials with the newest test of what each uses."""
    tests = CredentialTest.objects.order_by("credential_id", "version", "-id")
    newest = {(test.credential_id, test.version): test for test in tests.distinct("credential_id", "version")}
    return [
        {
            "credential": credential,
            "test": newest.get((credential.pk, credential.number)),
            "expiry": expiry_of(credential),
        }
        for credential in Credential.objects.defer(*SEALED).order_by("name")
    ]


def _page_of(grant: Grant, credential: Credential) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("project:credential", args=[grant.slug, credential.pk]))


def _deleted(credential: Credential) -> Credential:
    actions.delete_credential(credential)
    return credential


def _testing(credential: Credential) -> Operation | None:
    """The test that is under way."""
    found: Operation | None = Operation.objects.filter(
        kind=KIND, target_id=str(credential.pk), state__in=[State.QUEUED, State.RUNNING]
    ).first()
    return found


@method_decorator(sensitive_post_parameters(), name="dispatch")
class CredentialNewPage(ProjectView):
    """A form for a credential of a kind."""

    actions: ClassVar[dict[str, str]] = {"get": "credential.manage", "post": "credential.manage"}

    def _shown(
        self, request: HttpRequest, form: CredentialForm, kind: str, status: int = 200, **context: Any
    ) -> HttpResponse:
        context |= {
            "form": form,
            "kind": kind,
            "kind_label": Credential.Kind(kind).label,
            "api_url": f"/api/v1/projects/{self.grant.slug}/credentials",
        }
        return self.page(request, "projects/credential_form.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, kind: str) -> HttpResponse:
        return self._shown(request, CredentialForm(_kind(kind)), kind)

    def post(self, request: HttpRequest, grant: Grant, kind: str) -> HttpResponse:
        form = CredentialForm(_kind(kind), request.POST)
        if form.is_valid():
            made = attempt(
                form,
                lambda: actions.create_credential(
                    form.cleaned_data["name"], kind, form.secret, by=grant.actor.label
                ),
            )
            if made is not None:
                submit_test(grant, made)
                messages.success(request, _("“%(name)s” is sealed, and being tested.") % {"name": made.name})
                return _page_of(grant, made)
        return self._shown(request, form, kind, 400)


def _kind(kind: str) -> str:
    if kind not in Credential.Kind.values:
        raise NotFound("credential.kind", _("There is no such kind of credential."))
    return kind


class RotatePage(CredentialNewPage):
    """First step of a rotation: the new secret."""

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:  # type: ignore[override]
        return self._asked(request, find_credential(pk))

    def _asked(
        self, request: HttpRequest, credential: Credential, form: CredentialForm | None = None
    ) -> HttpResponse:
        shown = form or CredentialForm(credential.kind, named=False)
        if form is None:
            for name, value in shown_parts(credential).items():
                shown.initial[name + "_part"] = value
        return self._shown(
            request,
            shown,
            credential.kind,
            400 if form else 200,
            credential=credential,
            dependants=dependants_of(credential),
        )

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:  # type: ignore[override]
        credential = find_credential(pk)
        form = CredentialForm(credential.kind, request.POST, named=False)
        if form.is_valid():
            changed = attempt(form, lambda: actions.rotate(credential, form.secret, by=grant.actor.label))
            if changed is not None:
                submit_test(grant, changed)
                messages.success(request, _("The new secret is sealed, and being tested."))
                return _page_of(grant, changed)
        return self._asked(request, credential, form)


class CredentialView(ProjectView):
    """What every page about one credential shows."""

    def shown(
        self, request: HttpRequest, credential: Credential, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """Answer with the whole page."""
        grant = self.grant
        parts, labels = shown_parts(credential), PARTS[credential.kind]
        tests = newest_tests(credential)
        context = {
            "credential": credential,
            "expiry": expiry_of(credential),
            "parts": [
                {"label": labels[name].label if name in labels else _("Host"), "value": value}
                for name, value in parts.items()
            ],
            "tests": tests,
            "test": next((test for test in tests if test.version == credential.number), None),
            "candidate_test": next(
                (test for test in tests if test.version == credential.candidate_number), None
            ),
            "testing": _testing(credential),
            "dependants": dependants_of(credential),
            "switch_form": SwitchForm(),
            "reason_form": ReasonForm(),
            "api_url": f"/api/v1/projects/{grant.slug}/credentials/{credential.pk}",
            **context,
        }
        if grant.can(Permission.AUDIT_READ):
            context["history"] = list(
                AuditEvent.objects.filter(
                    account_id=grant.account_id, target_type="credential", target_id=str(credential.pk)
                ).order_by("-at")[:HISTORY]
            )
        response = self.page(request, "projects/credential.html", context, status)
        response["Cache-Control"] = "no-store"
        return response


class CredentialPage(CredentialView):
    """One credential; its buttons post what to do."""

    actions: ClassVar[dict[str, str]] = {"get": "credential.read", "post": "credential.manage"}

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        return self.shown(request, find_credential(pk))

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        credential = find_credential(pk)
        match request.POST.get("do"):
            case "test":
                submit_test(grant, credential)
            case "switch":
                return self._switch(request, grant, credential)
            case "discard":
                self._try(request, lambda: actions.discard(credential), _("The new secret is destroyed."))
            case "back":
                self._try(
                    request, lambda: actions.roll_back(credential), _("The secret from before is used again.")
                )
            case "delete":
                if self._try(
                    request,
                    lambda: _deleted(credential),
                    _("“%(name)s” is forgotten.") % {"name": credential.name},
                ):
                    return HttpResponseRedirect(reverse("project:account", args=[grant.slug]))
            case _:
                return self.shown(request, credential, status=400)
        return _page_of(grant, credential)

    @staticmethod
    def _try(request: HttpRequest, action: Any, done: str) -> bool:
        if attempt_or_say(request, Permission.CREDENTIAL_MANAGE, action) is None:
            return False
        messages.success(request, done)
        return True

    def _switch(self, request: HttpRequest, grant: Grant, credential: Credential) -> HttpResponse:
        form = SwitchForm(request.POST)
        if form.is_valid():
            changed = attempt(
                form,
                lambda: actions.switch(
                    credential,
                    grace=timedelta(hours=form.cleaned_data["grace_hours"]),
                    untested_reason=form.cleaned_data["untested_reason"],
                ),
            )
            if changed is not None:
                messages.success(request, _("The new secret is used from now on."))
                return _page_of(grant, changed)
        return self.shown(request, find_credential(credential.pk), status=400, switch_form=form)


class CredentialStatus(ProjectView):
    """How the test under way stands; reloads itself until it has ended."""

    actions: ClassVar[dict[str, str]] = {"get": "credential.read"}

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        credential = find_credential(pk)
        testing = _testing(credential)
        if testing is None:
            response = HttpResponse(status=204)
            response["HX-Refresh"] = "true"
            return response
        context = {"testing": testing, "credential": credential}
        return self.page(request, "projects/partials/credential_testing.html", context)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class RevealPage(CredentialView):
    """Shows a secret once, to a person who has just proved who they are, with a reason on record."""

    actions: ClassVar[dict[str, str]] = {"post": "credential.reveal"}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        credential = find_credential(pk)
        try:
            require_recent(request)
        except Forbidden as error:
            if error.code != STALE:
                raise
            return to_confirm(request)
        form = ReasonForm(request.POST)
        if form.is_valid():
            shown = attempt(form, lambda: actions.reveal(credential, form.cleaned_data["reason"]))
            if shown is not None:
                labels = PARTS[credential.kind]
                revealed = [
                    {"label": labels[name].label if name in labels else name, "value": value}
                    for name, value in shown.items()
                ]
                return self.shown(request, credential, revealed=revealed)
        return self.shown(request, credential, status=400, reason_form=form)
