"""One's notices and preferences, and a project's webhooks."""

from typing import ClassVar
from uuid import UUID

from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.tenancy import personal_scope
from projects.actions import notifications as actions
from projects.api.me import person_behind
from projects.doors.api import PersonalViewSet, ProjectViewSet, SignedInViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import NoticeDelivery, NoticeRecipient, Webhook
from projects.notifications import notice_kinds
from projects.serializers.notification import (
    DeliverySerializer,
    NoticeQuery,
    NoticeSerializer,
    PreferencesBody,
    PreferencesSerializer,
    ReadBody,
    ReadSerializer,
    WebhookBody,
    WebhookChange,
    WebhookSerializer,
)


class NoticeViewSet(SignedInViewSet):
    """What the caller has been told: a person in all their projects, a token in its own."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": NoticeQuery}
    queryset = NoticeRecipient.objects.none()
    serializer_class = NoticeSerializer

    @documented(operation_id="notices_list", summary="My notices")
    def list(self, request: Request) -> Response:
        identity = self.identity(request)
        user = person_behind(identity)
        with personal_scope(user.pk):
            rows = actions.my_notices(user.pk, identity.token_account)
            return self.listed(
                rows.filter(read_at=None) if self.query.get("unread") else rows, NoticeSerializer
            )

    @documented(
        operation_id="notices_read",
        summary="Mark notices as read",
        request=ReadBody,
        responses=ReadSerializer,
    )
    def read(self, request: Request) -> Response:
        identity, body = self.identity(request), self.body(ReadBody)
        count = actions.mark_read(person_behind(identity), body.get("ids"), identity.token_account)
        return Response(ReadSerializer({"read": count}).data)


class PreferencesViewSet(PersonalViewSet):
    """What the caller gets by mail, of all their projects: a token of one project has no say in it."""

    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = PreferencesSerializer

    def _shown(self, user: User) -> Response:
        chosen = actions.preference_of(user)
        shown = {
            "mail": chosen.mail,
            "muted": chosen.muted,
            "kinds": {kind.name: str(kind.label) for kind in notice_kinds()},
            "mail_server": settings.EMAIL_ON,
        }
        return Response(PreferencesSerializer(shown).data)

    @documented(operation_id="notice_preferences_read", summary="What I get by mail")
    def retrieve(self, request: Request) -> Response:
        return self._shown(self.person)

    @documented(
        operation_id="notice_preferences_update",
        summary="Choose what I get by mail",
        request=PreferencesBody,
        responses=PreferencesSerializer,
    )
    def partial_update(self, request: Request) -> Response:
        actions.change_preferences(self.person, **self.body(PreferencesBody))
        return self._shown(self.person)


class WebhookViewSet(ProjectViewSet):
    """Where the project's notices are posted to."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "webhook.read",
        "create": "webhook.manage",
        "retrieve": "webhook.read",
        "partial_update": "webhook.manage",
        "destroy": "webhook.manage",
        "test": "webhook.manage",
        "deliveries": "webhook.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery, "deliveries": PageQuery}
    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer

    @documented(operation_id="webhooks_list", summary="Webhooks")
    def list(self, request: Request) -> Response:
        return self.listed(Webhook.objects.select_related("credential"), WebhookSerializer)

    @documented(
        operation_id="webhook_add",
        summary="Add a webhook",
        request=WebhookBody,
        responses={201: WebhookSerializer},
    )
    def create(self, request: Request) -> Response:
        hook = actions.add_webhook(self.grant, **self.body(WebhookBody))
        return Response(WebhookSerializer(hook).data, status=status.HTTP_201_CREATED)

    @documented(operation_id="webhook_read", summary="A webhook")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(WebhookSerializer(actions.find_webhook(pk)).data)

    @documented(
        operation_id="webhook_change",
        summary="Stop or resume a webhook",
        request=WebhookChange,
        responses=WebhookSerializer,
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        body = self.body(WebhookChange)
        return Response(WebhookSerializer(actions.change_webhook(actions.find_webhook(pk), **body)).data)

    @documented(operation_id="webhook_remove", summary="Remove a webhook", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        actions.remove_webhook(actions.find_webhook(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(operation_id="webhook_test", summary="Send a trial", request=None, responses={204: None})
    def test(self, request: Request, pk: UUID) -> Response:
        actions.try_webhook(self.grant, actions.find_webhook(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(
        operation_id="webhook_deliveries",
        summary="What was sent to a webhook",
        responses=DeliverySerializer(many=True),
    )
    def deliveries(self, request: Request, pk: UUID) -> Response:
        rows = NoticeDelivery.objects.filter(webhook=actions.find_webhook(pk)).select_related("notice")
        return self.listed(rows, DeliverySerializer)
