"""One's notices, what is mailed, and a project's webhooks."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.models import Credential
from accounts.tenancy import personal_scope
from projects.actions import notifications as actions
from projects.doors.grant import Grant
from projects.doors.pages import PersonalView, ProjectView
from projects.forms_notifications import PreferencesForm, WebhookForm
from projects.models import NoticeDelivery, Webhook
from projects.notifications import kind_label, notice_kinds
from projects.permissions import Permission
from projects.views.approvals import waiting_for
from projects.views.common import attempt, attempt_or_say, page_of

SENT_SHOWN = 20


class NoticesPage(PersonalView):
    """Everything a person has been told, newest first, and what they want by mail."""

    def get(self, request: HttpRequest) -> HttpResponse:
        unread = request.GET.get("show") == "unread"
        with personal_scope(self.user.pk):
            rows = actions.my_notices(self.user.pk)
            context = page_of(request, rows.filter(read_at=None) if unread else rows, size=30)
        for row in context["rows"]:
            row.kind_label = kind_label(row.notice.kind)
        chosen = actions.preference_of(self.user)
        kinds = notice_kinds()
        form = PreferencesForm(
            kinds,
            initial={"mail": chosen.mail, "wanted": [k.name for k in kinds if k.name not in chosen.muted]},
        )
        context |= {"form": form, "unread": unread, "mail_on": settings.EMAIL_ON, "address": self.user.email}
        return self.page(request, "projects/notifications.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Mark as read (`read`, one or all), then go where the notice leads; or save the preferences."""
        here = reverse("project:notifications")
        if request.POST.get("do") == "preferences":
            form = PreferencesForm(notice_kinds(), request.POST)
            if form.is_valid():
                actions.change_preferences(self.user, mail=form.cleaned_data["mail"], muted=form.muted)
                messages.success(request, _("Saved."))
            return HttpResponseRedirect(here)
        one = request.POST.get("read", "")
        try:
            ids = [UUID(one)] if one else None
        except ValueError:
            ids = []
        actions.mark_read(self.user, ids)
        to = request.POST.get("next", "")
        safe = to.startswith("/") and url_has_allowed_host_and_scheme(to, None)
        return HttpResponseRedirect(to if safe else here)


class InboxBadge(PersonalView):
    """The numbers on the top bar: unread notices and decisions that wait for this person."""

    def get(self, request: HttpRequest) -> HttpResponse:
        with personal_scope(self.user.pk):
            unread = actions.my_notices(self.user.pk).filter(read_at=None).count()
            todo = sum(1 for row in waiting_for(self.user.pk, self.entrances) if not row.mine)
        return TemplateResponse(
            request, "projects/partials/inbox_badge.html", {"unread": unread, "todo": todo}
        )


class WebhooksPage(ProjectView):
    """Where this project's notices are posted to, and what became of them."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.WEBHOOK_READ, "post": Permission.WEBHOOK_MANAGE}

    def _form(self, data: Any = None) -> WebhookForm:
        secrets = Credential.objects.filter(kind=Credential.Kind.WEBHOOK).order_by("name")
        choices = [(str(pk), name) for pk, name in secrets.values_list("pk", "name")]
        return WebhookForm(choices, notice_kinds(), data)

    def _shown(self, request: HttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
        hooks = list(Webhook.objects.select_related("credential").order_by("name"))
        for hook in hooks:
            hook.kind_labels = [kind_label(kind) for kind in hook.kinds]
        sent = NoticeDelivery.objects.filter(channel=NoticeDelivery.Channel.WEBHOOK)
        rows = list(sent.select_related("notice", "webhook").order_by("-id")[:SENT_SHOWN])
        for row in rows:
            row.kind_label = kind_label(row.notice.kind)
        context = {
            "form": form,
            "hooks": hooks,
            "sent": rows,
            "api_url": f"/api/v1/projects/{self.grant.slug}/webhooks",
        }
        return self.page(request, "projects/webhooks.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._shown(request, self._form())

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = self._form(request.POST)
        if form.is_valid():
            made = attempt(form, lambda: actions.add_webhook(grant, **form.cleaned_data))
            if made is not None:
                messages.success(
                    request, _("“%(name)s” gets this project's notices now.") % {"name": made.name}
                )
                return HttpResponseRedirect(reverse("project:webhooks", args=[grant.slug]))
        return self._shown(request, form, 400)


class WebhookPage(ProjectView):
    """One webhook: tried, stopped, resumed, removed."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.WEBHOOK_MANAGE}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        hook, do = actions.find_webhook(pk), request.POST.get("do")
        if do == "remove":
            actions.remove_webhook(hook)
        elif do == "test":
            if attempt_or_say(request, Permission.WEBHOOK_MANAGE, lambda: actions.try_webhook(grant, hook)):
                messages.info(request, _("A trial is on its way to “%(name)s”.") % {"name": hook.name})
        else:
            actions.change_webhook(hook, enabled=do == "enable")
        return HttpResponseRedirect(reverse("project:webhooks", args=[grant.slug]))
