"""Who has seen a dataset version, as the API shows it."""

from rest_framework import serializers

from registry.exposure.lineage import Made
from registry.exposure.question import Exposure
from registry.exposure.readers import Reader


class MadeSerializer(serializers.Serializer[Made]):
    """A thing in the lineage, as audit records call it."""

    type = serializers.CharField(source="kind", read_only=True)
    id = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    source = serializers.CharField(
        read_only=True,
        help_text="`type:id` of what it was made from; empty for the version itself.",  # type: ignore[assignment]
    )


class ReaderSerializer(serializers.Serializer[Reader]):
    """How often one person read one thing, themselves or through tokens and jobs."""

    person = serializers.CharField(read_only=True)
    thing = MadeSerializer(read_only=True)
    actions = serializers.ListField(child=serializers.CharField(), read_only=True)
    count = serializers.IntegerField(read_only=True)
    first_at = serializers.DateTimeField(read_only=True)
    last_at = serializers.DateTimeField(read_only=True)


class SeenSerializer(serializers.Serializer[Exposure]):
    """Who has seen a dataset version and everything made from it."""

    complete = serializers.BooleanField(
        source="lineage.complete",
        read_only=True,
        help_text="False while MLflow does not answer: nested runs and registered models may be missing.",
    )
    things = MadeSerializer(source="lineage.things", many=True, read_only=True)
    people = serializers.ListField(child=serializers.CharField(), read_only=True)
    readers = ReaderSerializer(many=True, read_only=True)
