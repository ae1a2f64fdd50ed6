"""Requests say nothing that the portal does not understand: unknown fields and parameters are refused by name."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from accounts.errors import Invalid

IDEMPOTENCY_HEADER = "Idempotency-Key"
_KEY_LENGTH = 128


def _is_typed(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    """Whether a JSON value has the field's own type: the framework would take 0 for a text, and "0" for a number."""
    if value is None:
        return True
    if isinstance(field, serializers.ListField):
        return isinstance(value, list) and all(_is_typed(field.child, item) for item in value)
    if isinstance(field, serializers.CharField | serializers.UUIDField | serializers.DateTimeField):
        return isinstance(value, str)
    if isinstance(field, serializers.IntegerField | serializers.FloatField):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    return True


def _too_long(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    """Whether a text is too long as sent: the framework measures what is left without the spaces around it."""
    longest = field.max_length if isinstance(field, serializers.CharField) else None
    return longest is not None and isinstance(value, str) and len(value) > longest


class StrictSerializer(serializers.Serializer[Any]):
    """A body with these fields, of their own JSON types, and no others. Read-only fields count as unknown."""

    # A query is texts alone.
    texts: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields and wrong types, then validate the known ones."""
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name) for name in data if name not in known)
            if unknown:
                raise serializers.ValidationError({name: [_("There is no such field.")] for name in unknown})
            wrong = {
                name: [_("This is of another type than this field takes.")]
                for name, field in self.fields.items()
                if not self.texts and not field.read_only and not _is_typed(field, data.get(name))
            }
            wrong |= {
                name: [str(field.error_messages["max_length"]).format(max_length=field.max_length)]  # type: ignore[attr-defined]
                for name, field in self.fields.items()
                if not field.read_only and _too_long(field, data.get(name))
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


class QuerySerializer(StrictSerializer):
    """The query parameters of one action of a viewset (`queries`); documented by the schema from here."""

    texts = True


class NoQuery(QuerySerializer):
    """No parameters at all."""


class PageQuery(QuerySerializer):
    """The parameters of every list."""

    cursor = serializers.CharField(
        required=False,
        max_length=500,
        help_text="Where to go on: from `next` or `previous` of another page.",
    )
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=200, help_text="Items a page, 50 unless told."
    )


def read_query(request: Request, serializer_class: type[QuerySerializer]) -> dict[str, Any]:
    """Parse and check a request's query parameters; raises `Invalid`, naming each wrong one."""
    given = request.query_params
    repeated = sorted(name for name in given if len(given.getlist(name)) > 1)
    if repeated:
        errors = {name: [_("Give this parameter once.")] for name in repeated}
    else:
        serializer = serializer_class(data=given.dict())
        if serializer.is_valid():
            parsed: dict[str, Any] = serializer.validated_data
            return parsed
        errors = {name: [str(text) for text in texts] for name, texts in serializer.errors.items()}
    raise Invalid(
        "request.query",
        _("These query parameters are not valid: %(names)s.") % {"names": ", ".join(errors)},
        errors=errors,
    )


def idempotency_key(request: Request) -> str:
    """Return the request's Idempotency-Key, or an empty text; raises `Invalid` for one that is not a key."""
    key: str = request.headers.get(IDEMPOTENCY_HEADER, "")
    if len(key) > _KEY_LENGTH or not key.isascii() or (key and not key.isprintable()):
        message = _("An Idempotency-Key has at most %(length)d printable ASCII characters.") % {
            "length": _KEY_LENGTH
        }
        raise Invalid("request.idempotency_key", message, errors={IDEMPOTENCY_HEADER: [message]})
    return key
