"""What the platform's API reads and writes."""

from typing import Any

from rest_framework import serializers

from accounts.actions.credentials import REASON_LENGTH
from accounts.models import Account, Disposal
from portal.system import STATES
from projects.doors.strict import StrictSerializer


class PlatformAccountSerializer(serializers.Serializer[Any]):
    """An account and its project's slug; made from the project with its account."""

    id = serializers.UUIDField(source="account.pk")
    name = serializers.CharField(source="account.name")
    kind = serializers.ChoiceField(choices=Account.Kind.choices, source="account.kind")
    state = serializers.ChoiceField(choices=Account.State.choices, source="account.state")
    project = serializers.CharField(source="slug", help_text="The slug of its project.")
    start = serializers.ChoiceField(choices=Account.Start.choices, source="account.start")
    created_at = serializers.DateTimeField(source="account.created_at")


class PlatformAccountDetailSerializer(PlatformAccountSerializer):
    """An account with its owners, how many links are active, and when something last happened in it."""

    owners = serializers.ListField(child=serializers.CharField(), source="overview.owners")
    active_links = serializers.IntegerField(source="overview.links")
    last_activity = serializers.DateTimeField(source="overview.last_activity", allow_null=True)


class ReasonBody(StrictSerializer):
    """Why; it is kept in the account's audit log."""

    reason = serializers.CharField(min_length=3, max_length=REASON_LENGTH)


class CloseBody(ReasonBody):
    """The second confirmation: the project's slug, typed."""

    confirm = serializers.CharField(max_length=100)


class ClosingSerializer(serializers.Serializer[Any]):
    """The disposal that has begun."""

    operation = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Account.State.choices)


class DisposalSerializer(serializers.ModelSerializer[Disposal]):
    """The proof: `body` is the text that was signed (Ed25519, hex) by the audit log's key."""

    class Meta:
        model = Disposal
        fields = ("at", "body", "sha256", "key", "signature")
        read_only_fields = fields


class AccountBody(StrictSerializer):
    """An account to open."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=Account.Kind.choices)
    start = serializers.ChoiceField(
        choices=Account.Start.choices,
        required=False,
        default=Account.Start.NONE,
        help_text="Where a general account's credentials come from.",
    )
    code = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=100,
        help_text="A trusted account's invitation or code for requests: the link is asked for at once.",
    )
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
