"""Credentials as the API reads and shows them: each kind has a body of its own, told apart by `kind`."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from accounts.actions.credentials import REASON_LENGTH
from accounts.credentials import SECRETS
from accounts.models import Credential, CredentialTest
from projects.doors.strict import StrictSerializer

_FILE = {
    "type": "object",
    "description": "A kubeconfig: its known fields are taken, anything that runs or weakens is refused.",
    "properties": {"kubeconfig": {"type": "string", "minLength": 1}, "context": {"type": "string"}},
    "required": ["kubeconfig"],
    "additionalProperties": False,
}


def _schema(kind: str) -> dict[str, Any]:
    own = SECRETS[kind].model_json_schema()
    return {"oneOf": [own, _FILE]} if kind == Credential.Kind.KUBECONFIG else own


class SecretField(serializers.JSONField):
    """The parts of a secret of one kind. Write-only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, **kwargs)


def _secret_of(kind: str) -> type[SecretField]:
    field = type(f"{kind.capitalize()}SecretField", (SecretField,), {})
    return extend_schema_field(_schema(kind))(field)  # type: ignore[no-any-return]


def _kind_of(kind: str) -> type[serializers.ChoiceField]:
    field = type(f"{kind.capitalize()}KindField", (serializers.ChoiceField,), {})
    return extend_schema_field({"type": "string", "enum": [kind]})(field)  # type: ignore[no-any-return]


def _body(kind: str) -> type[StrictSerializer]:
    return type(
        f"{kind.capitalize()}Credential",
        (StrictSerializer,),
        {
            "__doc__": SECRETS[kind].__doc__,
            "kind": _kind_of(kind)(choices=[kind]),
            "name": serializers.CharField(max_length=120),
            "secret": _secret_of(kind)(),
        },
    )


CREDENTIAL_BODIES: dict[str, type[StrictSerializer]] = {str(kind): _body(str(kind)) for kind in SECRETS}
CREDENTIAL_BODY = PolymorphicProxySerializer(
    component_name="CredentialBody",
    serializers=dict(CREDENTIAL_BODIES),
    resource_type_field_name="kind",
    many=False,
)


@extend_schema_field({"oneOf": [_schema(str(kind)) for kind in SECRETS]})
class AnySecretField(SecretField):
    """The parts of a secret, of the credential's own kind. Write-only."""


class CredentialRotationBody(StrictSerializer):
    """A new secret, to be tested before it is used."""

    secret = AnySecretField()


class SwitchBody(StrictSerializer):
    """When the old secret is destroyed, and why an untested one is used all the same."""

    grace_hours = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=30 * 24,
        default=24,
        help_text="Hours for which the old secret is kept sealed, to go back to.",
    )
    untested_reason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=REASON_LENGTH,
        default="",
        help_text="Needed where the new secret has not passed its test; kept in the audit log.",
    )


class RevealBody(StrictSerializer):
    """Why a secret is to be shown."""

    reason = serializers.CharField(min_length=3, max_length=REASON_LENGTH)


class RevealedSerializer(serializers.Serializer[Any]):
    """A secret, shown once to the person who asked."""

    secret = serializers.DictField()


class CredentialTestSerializer(serializers.ModelSerializer[CredentialTest]):
    """One try of one version: when, by whom, what came of it."""

    class Meta:
        model = CredentialTest
        fields = ("version", "at", "outcome", "code", "sentence", "seconds", "by_label")
        read_only_fields = fields


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """A credential without its secret, which no answer but `reveal` holds."""

    version = serializers.IntegerField(source="number", read_only=True)
    candidate_version = serializers.IntegerField(source="candidate_number", read_only=True, allow_null=True)
    previous_version = serializers.IntegerField(source="previous_number", read_only=True, allow_null=True)

    class Meta:
        model = Credential
        fields = (
            "id",
            "name",
            "kind",
            "version",
            "candidate_version",
            "previous_version",
            "previous_until",
            "expires_at",
            "created_by_label",
            "created_at",
            "updated_at",
            "last_used_at",
        )
        read_only_fields = fields


class DependantSerializer(serializers.Serializer[Any]):
    """A thing that relies on the credential."""

    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the word shadows an attribute
    path = serializers.CharField(allow_blank=True)


class CredentialDetailSerializer(CredentialSerializer):
    """A credential with what its parts say about where it leads, its newest tests, and what relies on it."""

    parts = serializers.DictField(read_only=True)
    tests = CredentialTestSerializer(many=True, read_only=True)
    dependants = DependantSerializer(many=True, read_only=True)

    class Meta(CredentialSerializer.Meta):
        fields = (*CredentialSerializer.Meta.fields, "parts", "tests", "dependants")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]
