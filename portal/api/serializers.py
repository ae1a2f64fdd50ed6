"""What the platform's API reads and writes."""

from typing import Any

from rest_framework import serializers

from accounts.models import Account
from portal.system import STATES
from projects.doors.strict import StrictSerializer


class PlatformAccountSerializer(serializers.Serializer[Any]):
    """An account and its project's slug; made from the project with its account."""

    id = serializers.UUIDField(source="account.pk")
    name = serializers.CharField(source="account.name")
    kind = serializers.ChoiceField(choices=Account.Kind.choices, source="account.kind")
    state = serializers.ChoiceField(choices=Account.State.choices, source="account.state")
    project = serializers.CharField(source="slug", help_text="The slug of its project.")
    created_at = serializers.DateTimeField(source="account.created_at")


class AccountBody(StrictSerializer):
    """An account to open."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=Account.Kind.choices)
    owner = serializers.CharField(
        max_length=64, help_text="Who owns its project; somebody new is made with a one-time password."
    )


class AccountMadeSerializer(serializers.Serializer[Any]):
    """A new account, and the password of an owner who was made along with it: shown only here."""

    account = PlatformAccountSerializer(source="project")
    owner = serializers.CharField(source="owner.username")
    one_time_password = serializers.CharField(
        source="one_time", allow_null=True, help_text="Null where the owner was there already."
    )


class EngineSerializer(serializers.Serializer[Any]):
    """One engine."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=[(state, state) for state in STATES])
    detail = serializers.CharField(help_text="What is wrong with a failed one.")


class SystemSerializer(serializers.Serializer[Any]):
    """The engines, and how many the portal serves."""

    healthy = serializers.BooleanField()
    engines = EngineSerializer(many=True)
    accounts = serializers.IntegerField()
    people = serializers.IntegerField()
