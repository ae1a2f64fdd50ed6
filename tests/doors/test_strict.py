"""Bodies: what is refused before any field looks at itself."""

from rest_framework import serializers

from projects.doors.strict import StrictSerializer


class Body(StrictSerializer):
    name = serializers.CharField(max_length=5)


def test_a_text_is_measured_as_it_was_sent() -> None:
    assert Body(data={"name": " abc "}).is_valid()
    longer = Body(data={"name": " abc  "})
    assert not longer.is_valid()
    assert list(longer.errors) == ["name"]


def test_unknown_fields_and_other_types_are_named() -> None:
    body = Body(data={"name": 3, "age": 4})
    assert not body.is_valid()
    assert list(body.errors) == ["age"]
    assert not Body(data={"name": 3}).is_valid()
