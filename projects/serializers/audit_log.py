"""How sealing stands, as the API shows it."""

from typing import Any

from rest_framework import serializers

from accounts.audit.proofs import PROOF_KINDS
from accounts.audit.status import RECEIPT_KINDS, STATES, Status
from accounts.models import AuditVerification
from projects.doors.strict import QuerySerializer


class AuditVerificationSerializer(serializers.ModelSerializer[AuditVerification]):
    """A verification: of one log, or of all."""

    well = serializers.BooleanField(read_only=True)

    class Meta:
        model = AuditVerification
        fields = (
            "id",
            "state",
            "well",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
            "progress",
            "rows",
            "checkpoints",
            "findings",
        )
        read_only_fields = fields


class AuditStatusSerializer(serializers.Serializer[Status]):
    """The newest checkpoint, what waits to be sealed, and the last verification."""

    state = serializers.ChoiceField(choices=STATES, read_only=True)
    sequence = serializers.IntegerField(read_only=True, help_text="Number of the newest checkpoint.")
    size = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Rows it covers; null for the portal's."
    )
    sealed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    root_hash = serializers.CharField(source="root", read_only=True)
    key = serializers.CharField(read_only=True, help_text="Fingerprint of the key that signed it.")
    waiting = serializers.IntegerField(read_only=True, help_text="Rows that are not sealed yet.")
    delay = serializers.FloatField(read_only=True, help_text="Age of the oldest of them, in seconds.")
    verification = AuditVerificationSerializer(read_only=True, allow_null=True)


class SignedSerializer(serializers.Serializer[Any]):
    """A signed text."""

    body = serializers.CharField()
    signature = serializers.CharField(help_text="Ed25519, in base64.")


class KeyStatementSerializer(SignedSerializer):
    """A key's statement that it follows another one."""

    previous_signature = serializers.CharField(allow_blank=True)


class ReceiptSerializer(serializers.Serializer[Any]):
    """A receipt (확인증): keep it outside the portal. See docs/audit.md."""

    format = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=RECEIPT_KINDS)
    log = serializers.CharField()
    sequence = serializers.IntegerField()
    size = serializers.IntegerField(allow_null=True)
    time = serializers.CharField()
    root_hash = serializers.CharField()
    key = serializers.CharField()
    issued_at = serializers.CharField()
    checkpoint = SignedSerializer()
    keys = KeyStatementSerializer(many=True)


class ProofQuery(QuerySerializer):
    """Towards which checkpoint a record is proved."""

    checkpoint = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**62,
        help_text="Its number, such as a receipt's; the newest unless told.",
    )


class ConsistencyQuery(QuerySerializer):
    """Between which checkpoints."""

    to = serializers.IntegerField(min_value=1, max_value=2**62, help_text="Number of the newer checkpoint.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of the language: no attribute can have the name.
        older = serializers.IntegerField(
            min_value=1, max_value=2**62, help_text="Number of the older checkpoint."
        )
        return {"from": older, **super().get_fields()}


class PlatformConsistencyQuery(ConsistencyQuery):
    """The same for auditors, who say of which log."""

    log = serializers.RegexField(
        r"^(platform|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$", help_text="An account's id, or `platform`."
    )


class ProofSerializer(serializers.Serializer[Any]):
    """What every proof holds. Check it with `verify_export.py --proof`; see docs/audit.md."""

    format = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=PROOF_KINDS)
    log = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField(), help_text="SHA-256 hashes, from the leaf up.")
    checkpoint = SignedSerializer(help_text="The signed checkpoint that is proved towards.")
    issued_at = serializers.CharField()
    keys = KeyStatementSerializer(many=True)


class InclusionSerializer(ProofSerializer):
    """One record is in the log."""

    index = serializers.IntegerField()
    event = serializers.CharField()
    leaf = serializers.CharField()
    row = serializers.DictField(
        child=serializers.CharField(allow_null=True), required=False, help_text="The texts that were hashed."
    )
    disposed = serializers.CharField(required=False, help_text="The month that the row was disposed of with.")


class ConsistencySerializer(ProofSerializer):
    """The log of one checkpoint goes on in another's."""

    first = SignedSerializer(help_text="The older checkpoint.")
