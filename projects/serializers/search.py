"""Saved searches as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from projects.actions.searches import NAME_LENGTH
from projects.audit_log import FILTERS, ROOM_FILTERS
from projects.doors.strict import StrictSerializer
from projects.forms import AuditFilterForm
from projects.models import Search

_SHORT = 40  # a choice, a day, an account's id


def _longest(name: str) -> int:
    return getattr(AuditFilterForm.base_fields.get(name), "max_length", None) or _SHORT


class SearchFilters(StrictSerializer):
    """Filters as the search page takes them: texts; days as `2026-11-22`, a relative period as `7d`."""

    def get_fields(self) -> dict[str, Any]:
        """One text each."""
        return {
            name: serializers.CharField(required=False, allow_blank=True, max_length=_longest(name))
            for name in (*FILTERS, *ROOM_FILTERS)
        }


class SearchSerializer(serializers.Serializer[Search]):
    """A saved search."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    filters = serializers.DictField(child=serializers.CharField(), read_only=True)
    shared = serializers.BooleanField(read_only=True)
    owner = serializers.CharField(read_only=True, source="owner_label")
    created_at = serializers.DateTimeField(read_only=True)


class SearchBody(StrictSerializer):
    """A search to keep."""

    name = serializers.CharField(max_length=NAME_LENGTH, help_text="Unique among one's own.")
    filters = SearchFilters(help_text="At least one.")
    shared = serializers.BooleanField(
        required=False, default=False, help_text="Whether others who may search here see it too."
    )
