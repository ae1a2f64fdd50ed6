"""Notices, preferences and webhooks."""

from typing import Any, ClassVar

from rest_framework import serializers

from projects.doors.strict import PageQuery, StrictSerializer
from projects.models import NoticeDelivery, NoticeRecipient, Webhook


class NoticeSerializer(serializers.ModelSerializer[NoticeRecipient]):
    """A notice to the caller, in their language."""

    project = serializers.CharField(source="notice.project_slug", read_only=True)
    kind = serializers.CharField(source="notice.kind", read_only=True)
    subject = serializers.CharField(source="notice.title", read_only=True)
    text = serializers.CharField(source="notice.text", read_only=True)
    link = serializers.CharField(source="notice.link", read_only=True, help_text="A path of the portal.")
    created_at = serializers.DateTimeField(source="notice.created_at", read_only=True)

    class Meta:
        model = NoticeRecipient
        fields = ("id", "project", "kind", "subject", "text", "link", "created_at", "read_at")
        read_only_fields = fields


class NoticeQuery(PageQuery):
    """Which notices to list."""

    unread = serializers.BooleanField(required=False, default=False, help_text="Only those not read yet.")


class ReadBody(StrictSerializer):
    """Which notices have been read."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=500, help_text="All of them where absent."
    )


class ReadSerializer(serializers.Serializer[Any]):
    """How many notices were new."""

    read = serializers.IntegerField()


class PreferencesSerializer(serializers.Serializer[Any]):
    """What is mailed: nothing where `mail` is false, else every kind that is not muted."""

    mail = serializers.BooleanField()
    muted = serializers.ListField(child=serializers.CharField())
    kinds = serializers.DictField(
        child=serializers.CharField(), help_text="Every kind, and what pages call it."
    )
    mail_server = serializers.BooleanField(help_text="Whether this installation sends mail at all.")


class PreferencesBody(StrictSerializer):
    """Another choice."""

    mail = serializers.BooleanField(required=False)
    muted = serializers.ListField(child=serializers.CharField(max_length=48), required=False, max_length=100)


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """Where notices are posted to. The secret that signs them stays in its credential."""

    kinds = serializers.ListField(child=serializers.CharField(), read_only=True)
    credential_name = serializers.CharField(source="credential.name", read_only=True)

    class Meta:
        model = Webhook
        fields = (
            "id",
            "name",
            "url",
            "credential",
            "credential_name",
            "kinds",
            "enabled",
            "created_at",
            "created_by_label",
        )
        read_only_fields = fields
        extra_kwargs: ClassVar[dict[str, Any]] = {"credential": {"help_text": "The credential's id."}}


class WebhookBody(StrictSerializer):
    """A webhook to add."""

    name = serializers.CharField(max_length=120)
    url = serializers.CharField(max_length=2048)
    credential = serializers.UUIDField(help_text="A credential of the kind webhook.")
    kinds = serializers.ListField(
        child=serializers.CharField(max_length=48),
        required=False,
        max_length=100,
        help_text="Kinds of notices; all where absent or empty.",
    )


class WebhookChange(StrictSerializer):
    """Stop or resume."""

    enabled = serializers.BooleanField()


class DeliverySerializer(serializers.ModelSerializer[NoticeDelivery]):
    """One notice on its way to a webhook."""

    kind = serializers.CharField(source="notice.kind", read_only=True)

    class Meta:
        model = NoticeDelivery
        fields = ("id", "kind", "state", "attempts", "problem", "next_at", "sent_at")
        read_only_fields = fields
