"""Saving and deleting searches of the audit room."""

from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.tenancy import platform_scope
from portal.room_filters import room_form
from projects.actions.searches import delete_room_search, save_room_search
from projects.doors.pages import PlatformView
from projects.views.common import attempt_or_say
from projects.views.search_parts import filters_sent


class SaveSearchPage(PlatformView):
    """Keeps the filters of the room's search under a name."""

    reader: ClassVar[str] = "auditor"

    def post(self, request: HttpRequest) -> HttpResponse:
        filters, name = filters_sent(request), request.POST.get("name", "")
        with platform_scope(self.reader):
            form = room_form(filters)
        saved = attempt_or_say(
            request,
            "platform.auditor",
            lambda: save_room_search(self.user, name, form, shared=bool(request.POST.get("shared"))),
        )
        if saved is not None:
            messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        query = urlencode(saved.filters if saved else filters)
        return HttpResponseRedirect(f"{reverse('portal:audit_room')}?{query}")


class DeleteSearchPage(PlatformView):
    """Forgets a search of the room."""

    reader: ClassVar[str] = "auditor"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        with transaction.atomic():
            delete_room_search(self.user.pk, pk)
        return HttpResponseRedirect(reverse("portal:audit_room"))
