"""Making people and changing what they sign in with."""

import secrets
from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid
from accounts.models import PlatformRole, User

if TYPE_CHECKING:
    from collections.abc import Iterable


def _field_errors(error: ValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return {name: list(messages) for name, messages in error.message_dict.items()}
    messages: Iterable[str] = error.messages
    return {"": list(messages)}


def create_user(
    username: str,
    *,
    name: str = "",
    email: str = "",
    password: str | None = None,
    platform_role: str = PlatformRole.MEMBER,
    language: str = "en",
) -> tuple[User, str | None]:
    """Make a person who can sign in.

    Without a `password` a one-time password is made, returned once as the second value, and must be changed at the
    first sign-in. Raises `Conflict` for a taken username and `Invalid` for anything that does not validate.
    """
    one_time = None if password else secrets.token_urlsafe(12)
    user = User(
        username=username,
        name=name,
        email=email,
        platform_role=platform_role,
        language=language,
        must_change_password=one_time is not None,
    )
    user.set_password(password or one_time)
    if User.objects.filter(username__iexact=username).exists():
        raise Conflict("user.exists", _("The username “%(name)s” is taken.") % {"name": username})
    try:
        user.full_clean()
        if password:
            validate_password(password, user)
    except ValidationError as error:
        errors = _field_errors(error)
        detail = _("The user was not made: %(reasons)s") % {
            "reasons": " ".join(message for messages in errors.values() for message in messages)
        }
        raise Invalid("user.invalid", detail, errors=errors) from None
    with transaction.atomic():
        user.save(force_insert=True)
        audit.record("user.create", user, detail={"platform_role": platform_role})
    return user, one_time


def set_password(user: User, password: str) -> None:
    """Give a person a password of their own choice, already validated by the form."""
    with transaction.atomic():
        user.set_password(password)
        user.must_change_password = False
        user.save(update_fields=["password", "must_change_password"])
        audit.record("user.password", user)


def save_preferences(user: User, *, name: str, email: str, language: str, theme: str) -> User:
    """Change how a person is called, and how pages look to them. Raises `Invalid`."""
    user.name, user.email, user.language, user.theme = name, email, language, theme
    try:
        user.full_clean(validate_unique=False)
    except ValidationError as error:
        errors = _field_errors(error)
        raise Invalid("user.invalid", _("The profile was not saved."), errors=errors) from None
    with transaction.atomic():
        user.save(update_fields=["name", "email", "language", "theme"])
        audit.record("user.update", user)
    return user
