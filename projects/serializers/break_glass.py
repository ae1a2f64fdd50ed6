"""Break-glass access to a project."""

from rest_framework import serializers

from projects.models import BreakGlass


class BreakGlassSerializer(serializers.ModelSerializer[BreakGlass]):
    """A platform admin's way into a project that they are no member of."""

    live = serializers.BooleanField(read_only=True)

    class Meta:
        model = BreakGlass
        fields = (
            "id",
            "slug",
            "user_label",
            "reason",
            "repair",
            "created_at",
            "expires_at",
            "ended_at",
            "ended_by_label",
            "live",
        )
        read_only_fields = fields
