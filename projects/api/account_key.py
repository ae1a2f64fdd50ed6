"""The account's protection key: its version and age, as the account's page shows them. Never the key."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import AccountKey, KeyState
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer


class ProtectionKeySerializer(serializers.Serializer[Any]):
    """The version of the account's protection key that seals now."""

    version = serializers.IntegerField()
    created_at = serializers.DateTimeField(help_text="When this version was made.")


class ProtectionKeyViewSet(ProjectViewSet):
    """The account's protection key."""

    permissions: ClassVar[dict[str, str]] = {"retrieve": "project.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = ProtectionKeySerializer

    @documented(operation_id="protection_key", summary="Version and age of the account's protection key")
    def retrieve(self, request: Request) -> Response:
        key = AccountKey.objects.filter(state=KeyState.ACTIVE).defer("wrapped").first()
        if key is None:
            raise NotFound("key.shredded", _("The protection key of this account was destroyed."))
        return Response(ProtectionKeySerializer(key).data)
