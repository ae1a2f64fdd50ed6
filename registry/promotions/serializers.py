"""What the API says of promotions and protected aliases."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import PageQuery, QuerySerializer, StrictSerializer
from registry.models import Promotion, ProtectedAlias

Read = serializers.Serializer[Any]
NUMBER = {"min_value": 1, "max_value": 2**31 - 1}


class UsedDatasetSerializer(Read):
    """A dataset version that a model was made from."""

    name = serializers.CharField()
    version = serializers.IntegerField()


class SideSerializer(Read):
    """What was known of a model version when somebody asked."""

    version = serializers.IntegerField()
    run_id = serializers.CharField()
    run_name = serializers.CharField()
    metrics = serializers.DictField(child=serializers.FloatField(allow_null=True))
    datasets = UsedDatasetSerializer(many=True)
    job = serializers.IntegerField(allow_null=True, help_text="The training job's number.")
    made_from = serializers.CharField(
        help_text="The highest sensitivity of that data; empty where none is known."
    )
    trained_by = serializers.CharField()
    signature = serializers.BooleanField(allow_null=True, help_text="null where it could not be told.")
    created_at = serializers.DateTimeField(allow_null=True)


class EvidenceOfPromotionSerializer(Read):
    """Both versions, as they were when somebody asked."""

    challenger = SideSerializer(allow_null=True)
    current = SideSerializer(allow_null=True)


class ComparisonSerializer(Read):
    """What asking now would freeze."""

    model = serializers.CharField()
    alias = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    from_version = serializers.IntegerField(allow_null=True)
    evidence = EvidenceOfPromotionSerializer()


class PromotionSerializer(ComparisonSerializer):
    """A request to move a protected alias, and what became of it; `request` is decided among the approvals."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Promotion.State.choices)
    reason = serializers.CharField()
    request = serializers.UUIDField(source="request_id")
    operation = serializers.UUIDField(source="operation_id", allow_null=True)
    failure = serializers.CharField()
    asked_by_label = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_by_label = serializers.CharField(source="request.decided_by_label")
    decided_at = serializers.DateTimeField(source="request.decided_at", allow_null=True)
    note = serializers.CharField(source="request.note")


class PromotionBody(StrictSerializer):
    """Which alias shall point where, and why; `version` null removes the alias."""

    model = serializers.CharField(max_length=256)
    alias = serializers.CharField(max_length=63)
    version = serializers.IntegerField(**NUMBER, allow_null=True)  # type: ignore[arg-type]
    reason = serializers.CharField(max_length=1000)


class PromotionQuery(PageQuery):
    """Which promotions to list."""

    model = serializers.CharField(max_length=256, required=False)


class ComparisonQuery(QuerySerializer):
    """Which alias, and to which version; without one the alias would be removed."""

    alias = serializers.CharField(max_length=63)
    version = serializers.IntegerField(**NUMBER, required=False)  # type: ignore[arg-type]


class ProtectedAliasSerializer(serializers.ModelSerializer[ProtectedAlias]):
    """A protected alias; of every model where `model` is empty."""

    class Meta:
        model = ProtectedAlias
        fields = ("id", "alias", "model", "created_by_label", "created_at")
        read_only_fields = fields


class ProtectedAliasBody(StrictSerializer):
    """Protect an alias of one model, or of all."""

    alias = serializers.CharField(max_length=63)
    model = serializers.CharField(max_length=256, required=False, allow_blank=True, default="")


class UnprotectBody(StrictSerializer):
    """Why it shall no longer be protected."""

    reason = serializers.CharField(max_length=1000)
