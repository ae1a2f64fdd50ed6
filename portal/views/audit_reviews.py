"""The audit room's monthly reviews: months by account, one month's findings, marks, the sign-off."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.audit import Target
from accounts.errors import NotFound
from accounts.models import Account
from accounts.recent import require_recent
from accounts.tenancy import platform_scope
from portal.audit_reviews import account_of, log_named, logs_of
from projects.actions import reviews
from projects.doors.pages import PlatformView
from projects.models import AuditReview
from projects.reviews.matrix import MONTHS, matrix, state_of
from projects.reviews.months import DUE_DAYS, Month
from projects.views.common import attempt, attempt_or_say, page_of
from projects.views.review_parts import search_at, sections_of

API = "/api/v1/platform/audit-reviews"


class SignForm(forms.Form):
    """What the review came to."""

    note = forms.CharField(
        label=gettext_lazy("What the review came to"),
        max_length=reviews.NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
        help_text=gettext_lazy("Signed with the findings; nothing of it can be changed afterwards."),
    )


class AuditorsView(PlatformView):
    """A page about reviews."""

    reader: ClassVar[str] = "auditor"

    @property
    def who(self) -> str:
        """Whose name stays with what is said here."""
        return self.identity.actor.person

    def shown(
        self, request: HttpRequest, log: str, month: str, form: SignForm, status: int = 200
    ) -> HttpResponse:
        """Answer with the page of one review, in an auditor's scope."""
        account_id, name, opened = log_named(log)
        wanted = Month.parse(month)
        review: AuditReview | None = None
        try:
            review = reviews.find_review(account_id, wanted)
        except NotFound:
            if opened is None or opened >= wanted.end:
                raise
        context: dict[str, Any] = {
            "name": name,
            "log": log,
            "month": wanted,
            "review": review,
            "state": state_of(review.state if review else None, wanted, opened),
            "form": form,
            "ready": review is not None and wanted.ended and review.gathered_at >= wanted.end,
            "api_url": f"{API}/{log}/{wanted}",
        }
        if review is not None:
            audit.record("review.read", Target("auditreview", str(review.pk), review.label))
            context["sections"] = sections_of(review, search_at(reverse("portal:audit_room"), account=log))
        return self.page(request, "portal/audit_review.html", context, status)


class ReviewsPage(AuditorsView):
    """Accounts by months, and how each stands."""

    def get(self, request: HttpRequest) -> HttpResponse:
        context = page_of(request, Account.objects.all(), ordering=("name", "id"), size=25)
        months = Month.last(MONTHS)
        first = context["previous_url"] is None
        rows = matrix(logs_of(list(context["rows"]), platform=first), months)
        context |= {
            "rows": rows,
            "months": months,
            "overdue": sum(row.overdue for row in rows),
            "due_days": DUE_DAYS,
            "api_url": API,
        }
        return self.page(request, "portal/audit_reviews.html", context)


class ReviewPage(AuditorsView):
    """One month of one log: the findings, or the button that gathers them."""

    def get(self, request: HttpRequest, log: str, month: str) -> HttpResponse:
        return self.shown(request, log, month, SignForm())

    def post(self, request: HttpRequest, log: str, month: str) -> HttpResponse:
        wanted = Month.parse(month)
        account_id = account_of(log)
        attempt_or_say(request, "platform.auditor", lambda: reviews.gather(account_id, wanted, who=self.who))
        return _back(log, wanted)


def _back(log: str, month: Month, fragment: str = "") -> HttpResponse:
    return HttpResponseRedirect(reverse("portal:audit_review", args=[log, str(month)]) + fragment)


class MarkPage(AuditorsView):
    """Says of one finding, or of all of a kind that are open, that it is in order or needs action."""

    def post(self, request: HttpRequest, log: str, month: str) -> HttpResponse:
        wanted, account_id = Month.parse(month), account_of(log)
        keys = [key[:300] for key in request.POST.getlist("key")[:2500]]
        verdict, note = request.POST.get("verdict", "")[:16], request.POST.get("note", "")
        attempt_or_say(
            request,
            "platform.auditor",
            lambda: reviews.mark(account_id, wanted, keys, verdict, note, who=self.who),
        )
        anchor = request.POST.get("kind", "")
        return _back(log, wanted, f"#{anchor}" if anchor.isidentifier() else "")


class SignPage(AuditorsView):
    """Signs a month off, with a fresh proof of who this is."""

    def post(self, request: HttpRequest, log: str, month: str) -> HttpResponse:
        require_recent(request)
        wanted, account_id = Month.parse(month), account_of(log)
        form, signed = SignForm(request.POST), None
        if form.is_valid():
            note = form.cleaned_data["note"]
            signed = attempt(form, lambda: reviews.sign(account_id, wanted, note, who=self.who))
        if signed is None:
            with platform_scope(self.reader):
                response = self.shown(request, log, month, form, 400)
                return getattr(response, "render", lambda: response)()
        messages.success(request, _("%(month)s is signed off.") % {"month": wanted})
        return _back(log, wanted)
