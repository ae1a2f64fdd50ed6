"""The log of a workload, piece by piece: what the API of jobs and of endpoints have in common."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import QuerySerializer


class LogQuery(QuerySerializer):
    """Where to read from."""

    offset = serializers.IntegerField(
        min_value=0, max_value=2**40, default=0, help_text="Bytes to skip: `next` of the last answer."
    )


class LogSerializer(serializers.Serializer[Any]):
    """A piece of a log; ask again from `next` until `ended`."""

    text = serializers.CharField()
    next = serializers.IntegerField()
    ended = serializers.BooleanField()
