"""The audit room: an auditor's search over every account's records. Looking is recorded there too."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import Account, AuditEvent
from portal.audit_reviews import logs_of
from portal.room_filters import RoomFilterForm, RoomPeriodForm
from projects.actions.searches import visible_in_room
from projects.audit_history import person_history, thing_history
from projects.audit_log import PLATFORM_ITSELF, matching_everywhere, record_reading
from projects.audit_suggestions import suggestions
from projects.audit_words import kind_in_words
from projects.doors.pages import PlatformView
from projects.reviews.matrix import overdue
from projects.views.audit_parts import history_context, search_context, wanted_of
from projects.views.search_parts import saved_context

API = "/api/v1/platform/audit"


class RoomAddresses:
    """Where the room's pages about a thing and a person are; a thing is looked at in its own account."""

    def thing(self, kind: str, pk: str, account_id: UUID | None) -> str:
        query = urlencode({"account": account_id or PLATFORM_ITSELF})
        return reverse("portal:audit_room_thing", args=[kind, pk]) + f"?{query}"

    def person(self, key: str) -> str:
        return reverse("portal:audit_room_person", args=[key])


def _named(rows: list[AuditEvent | None], accounts: list[Account]) -> None:
    """Put each account's name on its records, for the templates."""
    names = {account.pk: account.name for account in accounts}
    for event in rows:
        if event is not None:
            event.account_name = names.get(event.account_id, "") if event.account_id else ""  # type: ignore[attr-defined]


class AuditRoom(PlatformView):
    """Search: a histogram by day and outcome, the records, one record in full."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest) -> HttpResponse:
        accounts = list(Account.objects.order_by("name"))
        everything = AuditEvent.objects.all()
        form = RoomFilterForm(accounts, request.GET or None, suggested=suggestions(everything))
        wanted = wanted_of(form)
        context = search_context(
            request,
            form,
            everything,
            matching_everywhere(everything, wanted),
            wanted,
            api=f"{API}-events",
            addresses=RoomAddresses(),
        )
        _named([*context["rows"], context["event"]], accounts)
        context |= saved_context(
            visible_in_room(self.user.pk),
            self.user.pk,
            form,
            request,
            url=reverse("portal:audit_searches"),
            api="/api/v1/platform/audit-searches",
        )
        context["overdue"] = overdue(logs_of(accounts, platform=True))
        record_reading(wanted, len(context["rows"]))
        return self.page(request, "portal/audit_room.html", context)


class RoomHistoryPage(PlatformView, ABC):
    """What both histories of the room share: the account's filter, and the page."""

    reader: ClassVar[str] = "auditor"

    def history(self, request: HttpRequest, asked: dict[str, str]) -> HttpResponse:
        """Answer with the history of the thing or person that `asked` names."""
        accounts = list(Account.objects.order_by("name"))
        form = RoomPeriodForm(accounts, request.GET or None)
        wanted = wanted_of(form)
        account = wanted.pop("account", "")
        log = matching_everywhere(AuditEvent.objects.all(), {"account": account})
        context = self.found(log, wanted, asked)
        context |= history_context(
            request, form, context["history"], wanted, api=self.api(asked), addresses=RoomAddresses()
        )
        if account:
            context["api_url"] += ("&" if "?" in context["api_url"] else "?") + f"account={account}"
        _named(list(context["rows"]), accounts)
        looked = {**wanted, **context["filter"], "account": account}
        context |= {"log_url": reverse("portal:audit_room"), "account": account}
        if account:
            context["filter"] = {**context["filter"], "account": account}
        record_reading(looked, len(context["rows"]))
        return self.page(request, "portal/audit_history.html", context)

    @abstractmethod
    def found(
        self, log: QuerySet[AuditEvent], wanted: dict[str, Any], asked: dict[str, str]
    ) -> dict[str, Any]:
        """Return the history, and how the page calls whom or what it is about."""

    @abstractmethod
    def api(self, asked: dict[str, str]) -> str:
        """Return the address of the same history in the API."""


class RoomThingPage(RoomHistoryPage):
    """Everything that happened to one thing."""

    def get(self, request: HttpRequest, kind: str, pk: str) -> HttpResponse:
        return self.history(request, {"kind": kind, "pk": pk})

    def found(
        self, log: QuerySet[AuditEvent], wanted: dict[str, Any], asked: dict[str, str]
    ) -> dict[str, Any]:
        history = thing_history(log, asked["kind"], asked["pk"], wanted)
        name = history.labels[-1] if history.labels else kind_in_words(asked["kind"])
        thing = f"{asked['kind']}:{asked['pk']}"
        return {**asked, "history": history, "name": name, "filter": {"thing": thing}}

    def api(self, asked: dict[str, str]) -> str:
        return f"{API}/things/{asked['kind']}/{asked['pk']}"


class RoomPersonPage(RoomHistoryPage):
    """Everything one person did, in every account."""

    def get(self, request: HttpRequest, actor: str) -> HttpResponse:
        return self.history(request, {"actor": actor})

    def found(
        self, log: QuerySet[AuditEvent], wanted: dict[str, Any], asked: dict[str, str]
    ) -> dict[str, Any]:
        person, history = person_history(log, asked["actor"], wanted)
        return {"person": person, "history": history, "name": person.name, "filter": {"person": person.key}}

    def api(self, asked: dict[str, str]) -> str:
        return f"{API}/people/{asked['actor']}"
