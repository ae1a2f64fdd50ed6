"""Protection keys over REST: their state, and rotating them. No key is in any answer."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import Account, KeyRotation, KeyState
from accounts.recent import require_recent
from accounts.rotation import begin, running
from accounts.rotation.status import keys_of, last_rotations, platform_keys, root_status
from projects.doors.api import PlatformViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer, StrictSerializer


class KeyVersionSerializer(serializers.Serializer[Any]):
    """One version of a protection key that is not destroyed."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=KeyState.choices)
    root_key = serializers.CharField(
        source="root", help_text="The root key that wraps it, and its version after a `#`."
    )
    created_at = serializers.DateTimeField()
    values = serializers.IntegerField(
        allow_null=True, help_text="Sealed values under it; null before a count."
    )
    counted_at = serializers.DateTimeField(allow_null=True)


class AccountKeysSerializer(serializers.Serializer[Any]):
    """An account's protection key; no versions once it is shredded."""

    id = serializers.UUIDField(help_text="The account.")
    name = serializers.CharField()
    versions = KeyVersionSerializer(many=True)


class KeyRotationSerializer(serializers.Serializer[Any]):
    """A rotation."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KeyRotation.Kind.choices)
    state = serializers.ChoiceField(choices=KeyRotation.State.choices)
    only = serializers.UUIDField(allow_null=True, help_text="The one account it is of; null for all.")
    reason = serializers.CharField()
    by = serializers.CharField(source="actor_label")
    total = serializers.IntegerField(help_text="Keys, or accounts and the platform, that it is of.")
    done = serializers.IntegerField()
    rewrapped = serializers.IntegerField(help_text="Keys that were wrapped anew so far.")
    unopened = serializers.IntegerField(help_text="What opened under no key, and was left.")
    error = serializers.CharField()
    stage = serializers.CharField(help_text="What was done last.")
    log = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_log(self, rotation: KeyRotation) -> list[str]:
        """The latest lines of what was done."""
        return [f"{at.isoformat() if at else ''} {text}" for at, text in rotation.lines]


class RootKeySerializer(serializers.Serializer[Any]):
    """The root key; never its bytes."""

    provider = serializers.CharField(help_text="local or transit.")
    name = serializers.CharField()
    generation = serializers.CharField(help_text="Its version, where its keeper counts them.")
    others = serializers.ListField(child=serializers.CharField(), help_text="Root keys that open too.")
    behind = serializers.IntegerField(allow_null=True, help_text="Protection keys that are not under it.")
    error = serializers.CharField(help_text="Why its keeper cannot be asked; empty if it can.")


class KeyStatusSerializer(serializers.Serializer[Any]):
    """The root key, the platform's own key, and the rotation under way."""

    root_key = RootKeySerializer()
    platform = KeyVersionSerializer(many=True, source="platform.versions")
    rotation = KeyRotationSerializer(allow_null=True)
    last_root_rotation = serializers.DateTimeField(allow_null=True)
    last_account_rotation = serializers.DateTimeField(allow_null=True)


class RotationBody(StrictSerializer):
    """A rotation to begin."""

    kind = serializers.ChoiceField(choices=KeyRotation.Kind.choices)
    reason = serializers.CharField(max_length=500, help_text="Goes into the audit log.")
    account = serializers.UUIDField(
        required=False, help_text="Only this account's key, of the kind accounts."
    )


class NewestFirst(PortalCursorPagination):
    """Primary keys sort by time."""

    ordering = "-id"


class KeysViewSet(PlatformViewSet):
    """The keys as a whole."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"retrieve": ("admin",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = KeyStatusSerializer

    @documented(operation_id="platform_keys", summary="The root key, the platform's key, and rotation")
    def retrieve(self, request: Request) -> Response:
        last = last_rotations()
        ended = {kind: getattr(last.get(kind), "finished_at", None) for kind in KeyRotation.Kind.values}
        told = {
            "root_key": root_status(),
            "platform": {"versions": platform_keys().versions},
            "rotation": running(),
            "last_root_rotation": ended[KeyRotation.Kind.ROOT],
            "last_account_rotation": ended[KeyRotation.Kind.ACCOUNTS],
        }
        return Response(KeyStatusSerializer(told).data)


class AccountKeysViewSet(PlatformViewSet):
    """The accounts' keys."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"list": ("admin",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = AccountKeysSerializer
    pagination_class = NewestFirst

    @documented(
        operation_id="platform_account_keys_list",
        summary="The accounts' protection keys, newest account first",
    )
    def list(self, request: Request) -> Response:
        rows = self.paginate_queryset(Account.objects.all())
        return self.get_paginated_response(AccountKeysSerializer(keys_of(list(rows or [])), many=True).data)


class KeyRotationViewSet(PlatformViewSet):
    """Rotations: those that were, and beginning one."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("admin",),
        "retrieve": ("admin",),
        "create": ("admin",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = KeyRotationSerializer
    pagination_class = NewestFirst

    @documented(operation_id="platform_key_rotations_list", summary="Rotations of keys, newest first")
    def list(self, request: Request) -> Response:
        return self.listed(KeyRotation.objects.all(), KeyRotationSerializer)

    @documented(operation_id="platform_key_rotation_read", summary="A rotation of keys")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        rotation = KeyRotation.objects.filter(pk=pk).first()
        if rotation is None:
            raise NotFound("key.rotation_not_found", _("There is no such rotation."))
        return Response(KeyRotationSerializer(rotation).data)

    @documented(
        operation_id="platform_key_rotation_begin",
        summary="Begin a rotation (from a session that confirmed it is you; no token can)",
        request=RotationBody,
        responses={202: KeyRotationSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(RotationBody)
        require_recent(request)
        account = body.get("account")
        if account is not None:
            with self.reading():
                if not Account.objects.filter(pk=account).exists():
                    raise NotFound("account.not_found", _("There is no such account."))
        rotation = begin(body["kind"], reason=body["reason"], only=account)
        return Response(KeyRotationSerializer(rotation).data, status=status.HTTP_202_ACCEPTED)
