"""The audit room: an auditor's search over every account's records. Looking is recorded there too."""

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, AuditEvent
from projects.audit_log import PLATFORM_ITSELF, matching_everywhere, record_reading
from projects.doors.pages import PlatformView
from projects.forms import AuditFilterForm
from projects.views.audit import chosen, links_without, timeline, wanted_of
from projects.views.common import page_of


class RoomFilterForm(AuditFilterForm):
    """The filters of a project's log, and the account; a search word looks at actor, action and target at once."""

    q = forms.CharField(label=_("Search"), max_length=120, required=False)
    account = forms.ChoiceField(label=_("Account"), required=False)

    field_order = ("q", "account")

    def __init__(self, accounts: list[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", _("Any")),
            (PLATFORM_ITSELF, _("The platform itself")),
            *((str(account.pk), account.name) for account in accounts),
        ]


class AuditRoom(PlatformView):
    """Search: a histogram by day and outcome, the records, one record in full."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest) -> HttpResponse:
        accounts = list(Account.objects.order_by("name"))
        form = RoomFilterForm(accounts, request.GET or None)
        wanted = wanted_of(form) if form.is_bound else {}
        everything = AuditEvent.objects.all()
        rows = matching_everywhere(everything, wanted)
        context = page_of(request, rows, ordering=("-at", "-id"))
        names = {account.pk: account.name for account in accounts}
        for event in context["rows"]:
            event.account_name = names.get(event.account_id, "")
        event = chosen(everything, request)
        if event is not None:
            event.account_name = names.get(event.account_id, "")  # type: ignore[attr-defined]
        context |= {
            "form": form,
            "filtered": any(wanted.values()),
            "chart": timeline(rows, wanted),
            "event": event,
            "query": links_without(request, "event"),
        }
        record_reading(wanted, len(context["rows"]))
        return self.page(request, "portal/audit_room.html", context)
